package rules

import "github.com/hooktender/hooktender/rules/verify"

// onceCompiled keeps what has been compiled while a configuration is read: of
// many hooks, most say the same. What it gives never changes, so all may share it.
// The zero value is empty.
type onceCompiled struct {
	expressions map[string]*expression
	values      map[valueText]value
	presets     map[string]verify.Scheme
	beliefs     map[proofText]*belief
	fields      map[string]*fields // by their texts
}

// A valueText is what a value comes from; references in it may be relative to the
// folder.
type valueText struct{ text, folder string }

func (o *onceCompiled) expression(source string) (*expression, error) {
	if e, there := o.expressions[source]; there {
		return e, nil
	}
	e, err := compileExpression(source)
	if err == nil {
		if o.expressions == nil {
			o.expressions = map[string]*expression{}
		}
		o.expressions[source] = e
	}
	return e, err
}

func (o *onceCompiled) value(text, folder string) (value, error) {
	from := valueText{text, folder}
	if v, there := o.values[from]; there {
		return v, nil
	}
	v, err := compileValue(text, folder)
	if err == nil {
		if o.values == nil {
			o.values = map[valueText]value{}
		}
		o.values[from] = v
	}
	return v, err
}

// preset is [verify.Preset]. What the scheme points to is shared.
func (o *onceCompiled) preset(name string) (verify.Scheme, bool) {
	if s, there := o.presets[name]; there {
		return s, true
	}
	s, known := verify.Preset(name)
	if known {
		if o.presets == nil {
			o.presets = map[string]verify.Scheme{}
		}
		o.presets[name] = s
	}
	return s, known
}

// sharedFields are f, or others that need the same. They must not change any more.
func (o *onceCompiled) sharedFields(f *fields) *fields {
	text := f.text()
	if same, there := o.fields[text]; there {
		return same
	}
	if o.fields == nil {
		o.fields = map[string]*fields{}
	}
	o.fields[text] = f
	return f
}
