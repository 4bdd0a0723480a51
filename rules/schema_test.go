package rules

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"github.com/hooktender/hooktender/rules/verify"
)

// A setting without a word about it does not come into the file.
func TestEverySettingIsDescribed(t *testing.T) {
	count := 0
	var walk func(path string, s *schema)
	walk = func(path string, s *schema) {
		for _, one := range s.settings {
			where := path + "." + one.name
			count++
			if one.about == "" || strings.HasSuffix(one.about, ".") {
				t.Errorf("%s: %q is no description", where, one.about)
			}
			for step, below := range s.Properties[one.name].mappings() {
				walk(where+step, below)
			}
		}
	}
	walk("", wholeFile())
	walk("", caseFile())
	if count < 100 {
		t.Errorf("only %d settings were seen", count)
	}
}

// What verify names is what it reads.
func TestSchemesAreAll(t *testing.T) {
	var names []string
	for _, s := range schemes() {
		names = append(names, s.name)
	}
	slices.Sort(names)
	want := slices.AppendSeq(append(verify.Presets(), anyOf, allOf), maps.Keys(genericSchemes))
	slices.Sort(want)
	if !slices.Equal(names, want) || len(names) < 140 {
		t.Errorf("%v, want %v", names, want)
	}
}

func TestManual(t *testing.T) {
	const file = "../docs/reference.md"
	if *update {
		if err := os.WriteFile(file, []byte(Manual()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != Manual() {
		t.Errorf("%s is not what the definitions say (%v); go test ./rules -update writes it anew", file, err)
	}
}

func compileSchema(t *testing.T, made func() ([]byte, error)) *jsonschema.Schema {
	t.Helper()
	text, err := made()
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("hooktender.json", document); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("hooktender.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// validate judges a YAML text as an editor does: anchors and merge keys are
// followed, a text is not a number.
func validate(s *jsonschema.Schema, text []byte) error {
	var value any
	if err := yaml.Unmarshal(text, &value); err != nil {
		return err
	}
	asJSON, err := json.Marshal(value)
	if err != nil {
		return err // a key that is no text
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		return err
	}
	return s.Validate(document)
}

// shownBlock is a block of YAML in a document, with the file that it is.
var shownBlock = regexp.MustCompile("(?ms)^```yaml([^\n]*)\n(.*?)^```")

// goodConfigurations are those that readers are shown, and those that the tests
// of the command line use.
func goodConfigurations(t *testing.T) map[string][]byte {
	return goodFiles(t, false, map[string]*regexp.Regexp{
		"../docs/*.md":         shownBlock,
		"../README.md":         shownBlock,
		"../examples/*/*.yaml": regexp.MustCompile(`(?s)()(.*)`),
		"testdata/*.good.yaml": regexp.MustCompile(`(?s)()(.*)`),
		"../cmd/hooktender/testdata/script/redeploy.txtar": regexp.MustCompile(`(?ms)^-- (\S*\.yaml) --\n(.*?)(?:^-- |\z)`),
	})
}

// goodFiles finds files in files: a pattern's first part is the name, its second
// the text. Those with test cases are told by their names.
func goodFiles(t *testing.T, cases bool, places map[string]*regexp.Regexp) map[string][]byte {
	t.Helper()
	good := map[string][]byte{}
	for pattern, block := range places {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for i, m := range block.FindAllSubmatch(data, -1) {
				if name := file + string(m[1]); IsCaseFile(name) == cases {
					good[fmt.Sprintf("%s#%d", file, i)] = m[2]
				}
			}
		}
	}
	return good
}

// testdata/everything.good.yaml is good, and leaves no setting out, save those
// that presets have.
func TestEverything(t *testing.T) {
	t.Setenv("TOKEN", secretValue)
	const file = "testdata/everything.good.yaml"
	if _, err := Load(file); err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var walk func(s *schema)
	walk = func(s *schema) {
		for _, one := range s.settings {
			preset := s.Properties["hmac"] != nil // one of verify
			if there := regexp.MustCompile(`\b` + regexp.QuoteMeta(one.name) + ":").Match(text); !there && !preset {
				t.Errorf("%s has no %s", file, one.name)
			}
			if _, generic := genericSchemes[one.name]; preset && !generic {
				continue // each has a test of its own
			}
			for _, below := range s.Properties[one.name].mappings() {
				walk(below)
			}
		}
	}
	walk(wholeFile())
}

func TestSchemaTakesWhatIsGood(t *testing.T) {
	s := compileSchema(t, Schema)
	good := goodConfigurations(t)
	if len(good) < 10 {
		t.Fatalf("only %d configurations", len(good))
	}
	for name, text := range good {
		if err := validate(s, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// visible are the mistakes that a schema can see. It cannot see those in
// expressions, in secrets, and between things that stand in two places.
var visible = regexp.MustCompile(`^(misspelt-|wrong-type|channel-(kinds|missing)|bad-(content|duration|first|keep|method|number|on-interrupt|size)|` +
	`verify-(combined|empty|list|missing|two|unknown|word)|respond-(unknown|misspelt|list|status|wait|disconnect)|` +
	`rule-without|no-rules|env-name|value-in-|habits|key-not|path-form|quotes|merge-not|duplicate-(key|setting)|yaml-)`)

func TestSchemaRefusesWhatIsBad(t *testing.T) {
	s := compileSchema(t, Schema)
	files, err := filepath.Glob("testdata/*.bad.yaml")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		refused := validate(s, text) != nil
		if refused {
			seen++
		}
		if !refused && visible.MatchString(filepath.Base(file)) {
			t.Errorf("%s is taken", file)
		}
	}
	if seen < len(files)/2 {
		t.Errorf("%d of %d are refused", seen, len(files))
	}
}
