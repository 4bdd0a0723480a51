package rules

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/hooktender/hooktender/rules/verify"
)

// A Secret is a text that prints as <secret>.
type Secret = verify.Secret

// A Reference stands for a secret or a setting of the machine: "env:NAME",
// "file:/absolute/path" or "credential:NAME". In the file it is written ${env:NAME}.
type Reference string

var (
	referenceKinds   = []string{"env", "file", "credential"}
	startsName       = regexp.MustCompile(`^[A-Za-z_./~]`)
	referencePattern = regexp.MustCompile(`\$\{([a-z]+):([^}]*)\}`)
	// shellReference finds what looks like a reference in shell text, but not
	// the shell's own ${file:0:3}.
	shellReference = regexp.MustCompile(`\$\{(?:env|file|credential):[A-Za-z_./~][^}]*\}`)
)

// Read returns what the reference stands for now. Missing and empty are errors,
// so that a mistake never becomes an empty secret. One line break at the end of
// a file is not part of the value.
func (r Reference) Read() (verify.Secret, error) {
	kind, name, _ := strings.Cut(string(r), ":")
	value, err := readReference(kind, name)
	if err != nil {
		return "", fmt.Errorf("${%s}: %w", r, err)
	}
	if value == "" {
		return "", fmt.Errorf("${%s} is empty", r)
	}
	return verify.Secret(value), nil
}

func readReference(kind, name string) (string, error) {
	switch kind {
	case "env":
		value, ok := os.LookupEnv(name)
		if !ok {
			return "", fmt.Errorf("the environment variable %s is not set", name)
		}
		return value, nil
	case "file":
		return readSecretFile(name)
	case "credential":
		dir := os.Getenv("CREDENTIALS_DIRECTORY")
		if dir == "" {
			return "", errors.New("$CREDENTIALS_DIRECTORY is not set; systemd sets it for a unit with LoadCredential= or LoadCredentialEncrypted=")
		}
		return readSecretFile(filepath.Join(dir, name))
	}
	return "", errReferenceKind
}

var errReferenceKind = errors.New("unknown kind of reference; known are ${env:NAME}, ${file:PATH}, ${credential:NAME}")

func readSecretFile(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r"), nil
}

// path is the file that the reference reads, "" if it reads none.
func (r Reference) path() string {
	kind, name, _ := strings.Cut(string(r), ":")
	switch kind {
	case "file":
		return name
	case "credential":
		return filepath.Join(os.Getenv("CREDENTIALS_DIRECTORY"), name)
	}
	return ""
}

// parseReferences splits a string of the file into literal parts and
// references. A relative file is looked for beside the configuration file.
func parseReferences(s, folder string) (Text, error) {
	var text Text
	rest := 0
	for _, m := range referencePattern.FindAllStringSubmatchIndex(s, -1) {
		kind, name := s[m[2]:m[3]], s[m[4]:m[5]]
		if !slices.Contains(referenceKinds, kind) && !startsName.MatchString(name) {
			continue // the shell's own ${x:-y}, for a list that runs one
		}
		if err := checkReference(kind, name); err != nil {
			return nil, fmt.Errorf("%s: %w", s[m[0]:m[1]], err)
		}
		if kind == "file" && !filepath.IsAbs(name) {
			name = filepath.Join(folder, name)
		}
		if rest < m[0] {
			text = append(text, Part{Literal: s[rest:m[0]]})
		}
		text = append(text, Part{Ref: Reference(kind + ":" + name)})
		rest = m[1]
	}
	if rest < len(s) || len(text) == 0 {
		text = append(text, Part{Literal: s[rest:]})
	}
	return text, nil
}

func checkReference(kind, name string) error {
	switch {
	case !slices.Contains(referenceKinds, kind):
		return errReferenceKind
	case name == "":
		return errors.New("has no name")
	case kind == "credential" && (name != filepath.Base(name) || name == ".."):
		return errors.New("a credential is a name, not a path")
	}
	return nil
}
