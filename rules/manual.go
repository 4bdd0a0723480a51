package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Manual is docs/reference.md: every setting and every function, made from the
// definitions by which files are read.
func Manual() string {
	m := manual{}
	m.WriteString("# Reference\n\nEvery setting and every function, as `hooktender` itself knows them. What they are for is in [Configuration](configuration.md);\n" +
		"`hooktender schema` prints the same for editors.\n\n## Settings\n")
	m.section("", wholeFile())
	m.WriteString("\n## Test cases\n\nThe settings of a `*.test.yaml`, for [`hooktender test`](testing.md); `hooktender schema --test` prints them for editors.\n")
	m.section("", caseFile())
	m.WriteString("\n## Functions\n\nBeside [expr's own](https://expr-lang.org/docs/language-definition#functions), in conditions and in values.\n\n" +
		"| function | gives | for example | of the payload | is |\n|---|---|---|---|---|\n")
	for _, f := range functions {
		if f.meaning != "" {
			m.row("`"+f.name+"`", f.meaning, "`"+f.example.Expression+"`", "`"+f.example.Payload+"`", "`"+f.example.Result+"`")
		}
	}
	return m.String()
}

type manual struct{ strings.Builder }

// section writes the settings of a mapping, then those of the mappings in it.
func (m *manual) section(path string, s *schema) {
	if path != "" {
		fmt.Fprintf(m, "\n### `%s`\n", path)
	}
	m.WriteString("\n| setting | may be | meaning | unless set |\n|---|---|---|---|\n")
	for _, one := range s.settings {
		m.row("`"+one.name+"`", s.Properties[one.name].spell(), one.about, one.unset)
	}
	for _, one := range s.settings {
		if path == "" && one.name == "defaults" {
			continue // they are those of a rule
		}
		if path == "watch.*" && (one.name == "rules" || one.name == "dedupe") {
			continue // they are those of a hook
		}
		below := s.Properties[one.name].mappings()
		for _, step := range slices.Sorted(maps.Keys(below)) {
			if len(below[step].settings) > 1 { // else spell tells all
				m.section(strings.TrimPrefix(path+"."+one.name+step, "."), below[step])
			}
		}
	}
}

func (m *manual) row(cells ...string) {
	for i, cell := range cells {
		cells[i] = strings.ReplaceAll(cell, "|", `\|`)
	}
	fmt.Fprintf(m, "| %s |\n", strings.Join(cells, " | "))
}

// spell says in a few words what a value may be.
func (s *schema) spell() string {
	var either []string
	for _, one := range s.AnyOf {
		either = append(either, one.spell())
	}
	switch {
	case s.Title != "":
		return s.Title
	case len(s.Enum) > 0:
		return "`" + strings.Join(s.Enum, "`, `") + "`"
	case len(either) > 0:
		return strings.Join(either, ", or ")
	case s.Items != nil && s.Items.settings == nil:
		return "list of " + s.Items.spell()
	case s.Items != nil:
		return "list of mappings"
	case len(s.settings) == 1:
		only := s.settings[0]
		return "{" + only.name + ": " + s.Properties[only.name].spell() + "}: " + only.about
	case slices.Contains(s.Type, "boolean"):
		return "`true`, `false`"
	case s.settings == nil && s.AdditionalProperties != nil:
		return "mappings by name"
	}
	return "mapping"
}
