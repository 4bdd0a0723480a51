package rules

import (
	"encoding/json"
	"maps"
	"slices"
)

// A schema describes what a setting may be, in the words of JSON Schema 2020-12
// (https://json-schema.org/draft/2020-12). Editors complete and check by it.
type schema struct {
	Dialect              string             `json:"$schema,omitempty"`
	Title                string             `json:"title,omitempty"`
	Description          string             `json:"description,omitempty"`
	Type                 []string           `json:"type,omitempty"`
	Enum                 []string           `json:"enum,omitempty"`
	Pattern              string             `json:"pattern,omitempty"`
	MinLength            int                `json:"minLength,omitempty"`
	Minimum              int                `json:"minimum,omitempty"`
	MinItems             int                `json:"minItems,omitempty"`
	Items                *schema            `json:"items,omitempty"`
	Properties           map[string]*schema `json:"properties,omitempty"`
	PropertyNames        *schema            `json:"propertyNames,omitempty"`
	AdditionalProperties any                `json:"additionalProperties,omitempty"` // *schema or false
	MinProperties        int                `json:"minProperties,omitempty"`
	MaxProperties        int                `json:"maxProperties,omitempty"`
	Required             []string           `json:"required,omitempty"`
	AnyOf                []*schema          `json:"anyOf,omitempty"`
	Not                  *schema            `json:"not,omitempty"`

	settings []setting // of a mapping, in the order of their definition
}

// Schema is the JSON Schema of a configuration file, for editors. It is made
// from the definitions by which files are read.
func Schema() ([]byte, error) {
	return wholeFile().document("Configuration of hooktender")
}

// CaseSchema is the JSON Schema of a file with test cases.
func CaseSchema() ([]byte, error) { return caseFile().document("Test cases of hooktender") }

func (s *schema) document(title string) ([]byte, error) {
	s.Dialect, s.Title = "https://json-schema.org/draft/2020-12/schema", title
	text, err := json.MarshalIndent(s, "", "  ")
	return append(text, '\n'), err
}

func wholeFile() *schema { return mappingOf((&compiler{}).settings()...) }

func caseFile() *schema { return mappingOf((&book{}).settings()...) }

// mappingOf is a mapping that has these settings and no others.
func mappingOf(settings ...setting) *schema {
	s := &schema{
		Type: []string{"object"}, Properties: map[string]*schema{}, AdditionalProperties: false, settings: settings,
	}
	for _, one := range settings {
		property := one.form.schema()
		property.Description = one.description()
		s.Properties[one.name] = property
		if one.unset == mustBe {
			s.Required = append(s.Required, one.name)
		}
	}
	return s
}

func (s setting) description() string {
	if s.unset == "" || s.unset == mustBe {
		return s.about
	}
	return s.about + "; unless set: " + s.unset
}

// namedOf is a mapping of names that people choose.
func namedOf(names, value *schema) *schema {
	return &schema{Type: []string{"object"}, PropertyNames: names, AdditionalProperties: value}
}

func listOf(elements *schema) *schema {
	return &schema{Type: []string{"array"}, Items: elements, MinItems: 1}
}

func either(title string, these ...*schema) func() *schema {
	return func() *schema { return &schema{Title: title, AnyOf: these} }
}

// aText is any single value: 5 and true are texts where one is meant.
func aText(title string) func() *schema {
	return func() *schema {
		return &schema{Title: title, Type: []string{"string", "number", "boolean"}, MinLength: 1}
	}
}

func like(title, pattern string) func() *schema {
	return func() *schema { return &schema{Title: title, Type: []string{"string"}, Pattern: pattern} }
}

// mappings are the mappings directly below a schema, by what leads to them.
func (s *schema) mappings() map[string]*schema {
	found := map[string]*schema{}
	if s.settings != nil {
		found[""] = s
	}
	below := map[string][]*schema{"": s.AnyOf}
	if s.Items != nil {
		below["[]"] = append(below["[]"], s.Items)
	}
	if value, ok := s.AdditionalProperties.(*schema); ok {
		below[".*"] = append(below[".*"], value)
	}
	for _, path := range slices.Sorted(maps.Keys(below)) {
		for _, one := range below[path] {
			for more, mapping := range one.mappings() {
				found[path+more] = mapping
			}
		}
	}
	return found
}
