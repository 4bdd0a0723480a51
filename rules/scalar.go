package rules

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/hooktender/hooktender/rules/verify"
)

// scalar returns the text of a value as written, which makes 5 and true good
// texts too. Nothing at all is a problem, and so is a NUL, which ends a text for
// the system.
func (n node) scalar() (string, bool) {
	switch {
	case isUnquotedValue(n.Node):
		n.problem("a value that begins with {{ needs quotes around it: \"{{ … }}\"")
	case n.Kind != yaml.ScalarNode:
		n.problem("%s, but it must be a single value", kindOf(n.Node))
	case isTag(n.Tag):
		n.problem("YAML takes %s for a tag; put quotes around the whole value", n.Tag)
	case n.Tag == "!!null" || n.Value == "":
		n.problem("is empty")
	case strings.ContainsRune(n.Value, 0):
		n.problem("holds a NUL byte, which no argument, variable or path can")
	default:
		return n.Value, true
	}
	return "", false
}

// isUnquotedValue tells that YAML has read {{ x }} as a mapping whose key is a
// mapping.
func isUnquotedValue(n *yaml.Node) bool {
	return n.Kind == yaml.MappingNode && len(n.Content) > 0 && n.Content[0].Kind == yaml.MappingNode
}

// isTag tells !deleted, which is YAML's own and probably not meant, from the
// tags that every value has.
func isTag(tag string) bool { return strings.HasPrefix(tag, "!") && !strings.HasPrefix(tag, "!!") }

// one reads a text that must be one of a few.
func (n node) one(of ...string) string {
	s, ok := n.scalar()
	if ok && !slices.Contains(of, s) {
		n.problem("%q is not one of %s", s, strings.Join(of, ", "))
	}
	return s
}

func (n node) boolean() bool {
	s, ok := n.scalar()
	b, err := strconv.ParseBool(s)
	if ok && (err != nil || n.Tag != "!!bool") {
		n.problem("%q is neither true nor false", s)
	}
	return b
}

func (n node) count() int {
	s, ok := n.scalar()
	i, err := strconv.Atoi(s)
	if ok && (err != nil || i < 1) {
		n.problem("%q is not a number from 1 on", s)
	}
	return i
}

// duration reads 90s, 10m, 1h30m, 30d. It has to be more than nothing.
func (n node) duration() Duration {
	s, ok := n.scalar()
	if !ok {
		return 0
	}
	d, err := parseDuration(s)
	switch {
	case err != nil:
		n.problem("%q is not a duration; write 30s, 10m, 1h30m or 30d", s)
	case d <= 0:
		n.problem("must be longer than nothing, but is %q; write 30s, 10m, 1h30m or 30d", s)
	}
	return Duration(d)
}

func parseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err
	}
	return time.ParseDuration(s)
}

var sizeUnits = []struct {
	suffix string
	bytes  int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}, {"", 1}}

// size reads 25MiB, 500KB or a plain number of bytes.
func (n node) size() int64 {
	s, ok := n.scalar()
	if !ok {
		return 0
	}
	for _, unit := range sizeUnits {
		digits, found := strings.CutSuffix(s, unit.suffix)
		if !found {
			continue
		}
		v, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err == nil && v > 0 && v <= math.MaxInt64/unit.bytes {
			return v * unit.bytes
		}
		break
	}
	n.problem("%q is not a size; write 512KiB, 25MiB or 2GiB", s)
	return 0
}

// plain reads a setting of the machine: references in it are read at once.
func (n node) plain() string {
	s, ok := n.scalar()
	if !ok {
		return ""
	}
	text, err := parseReferences(s, n.file.folder())
	if err != nil {
		n.problem("%v", err)
		return ""
	}
	var b strings.Builder
	for _, part := range text {
		// A secret that stayed "${SECRET}" would be one that anybody can guess.
		if strings.Contains(part.Literal, "${") {
			n.problem("%q: a reference is written ${env:NAME}, ${file:PATH} or ${credential:NAME}", part.Literal)
		}
		b.WriteString(part.Literal)
		if part.Ref != "" {
			b.WriteString(n.read(part.Ref).Reveal())
		}
	}
	return b.String()
}

// shellVariable is a secret as a shell would write it, which would make the name
// of the variable the secret.
var shellVariable = regexp.MustCompile(`^\$[A-Za-z_][A-Za-z0-9_]*$`)

// secret reads a secret, mostly a reference. An empty one is a problem.
func (n node) secret() verify.Secret {
	if n.Kind == yaml.ScalarNode && (n.Tag == "!!null" || n.Value == "") {
		n.problem("the secret is empty; an empty secret would let everything in")
		return ""
	}
	if shellVariable.MatchString(n.Value) {
		n.problem("%s is not read as a variable here; write ${env:%s}", n.Value, strings.Trim(n.Value, "${}"))
		return ""
	}
	secret := verify.Secret(n.plain())
	n.d.literals = append(n.d.literals, secret)
	return secret
}

// value reads a string that may hold {{ expressions }} and ${references}.
func (n node) value() value {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" && n.Value == "" {
		return value{} // env may set a variable to nothing
	}
	s, ok := n.scalar()
	if !ok {
		return nil
	}
	v, err := n.d.once.value(s, n.file.folder())
	if err != nil {
		n.problemIn(err)
		return nil
	}
	for _, ref := range v.references() {
		n.read(ref)
	}
	return v
}

// condition reads an expression that must give true or false.
func (n node) condition() *expression {
	s, ok := n.scalar()
	if !ok {
		return nil
	}
	if strings.Contains(s, "{{") {
		n.problem("a condition is an expression already; write it without {{ }}")
		return nil
	}
	if ref := shellReference.FindString(s); ref != "" {
		n.problem("%s is not read in a condition; secrets belong to verify", ref)
		return nil
	}
	compiled, err := n.d.once.expression(s)
	if err != nil && n.LineComment != "" && n.Style == 0 {
		n.problemIn(fmt.Errorf("%w; YAML takes %q for a comment: put quotes around the whole condition", err, n.LineComment))
		return nil
	}
	if err != nil {
		n.problemIn(err)
		return nil
	}
	if !compiled.mayBeBool() {
		n.problem("a condition must give true or false")
	}
	return compiled
}
