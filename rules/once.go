package rules

// onceCompiled keeps what has been compiled while a configuration is read: of
// many hooks, most say the same. What it gives never changes, so all may share it.
// The zero value is empty.
type onceCompiled struct {
	expressions map[string]*expression
	values      map[valueText]value
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
