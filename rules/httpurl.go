package rules

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

// A urlValue is a URL of the file. Its values are escaped by where they stand, so
// that a payload chooses a name within the URL and never its structure.
type urlValue struct {
	value
	at     []urlPlace // of each part of value
	chosen bool       // a value decides on scheme, host or port
}

// A urlPlace says what of a URL a part stands in.
type urlPlace int

const (
	inURL  urlPlace = iota // the part is the URL, or begins it
	inHost                 // host and port
	inPath                 //
	inQueryOf
)

var urlValues = kind[*urlValue]{node.urlValue, aText("URL with {{ values }}")}

// urlValue reads a URL. Wrong ones are told at once, as far as they are known.
func (n node) urlValue() *urlValue {
	if n.Kind == yaml.ScalarNode && n.Value == "" {
		n.problem("is empty; write a URL, as in https://crm.example.com/contacts")
		return nil
	}
	v := n.value()
	if v == nil {
		return nil
	}
	u := &urlValue{value: v}
	if err := u.place(); err != nil {
		n.problem("%v", err)
		return nil
	}
	if !u.chosen && !n.isUnread() {
		known, err := u.fill(func(p valuePart, _ urlPlace) (Text, error) {
			if p.Ref != "" {
				return Plain(n.read(p.Ref).Reveal()), nil
			}
			return Plain("x"), nil
		})
		if err == nil {
			_, err = parseURL(known.String())
		}
		if err != nil {
			n.problem("%q is not a URL; write one as https://crm.example.com/contacts", n.Value)
		}
	}
	return u
}

// place finds out where each part stands.
func (u *urlValue) place() error {
	seen, whole := "", false // whole: what was seen begins behind a part that is a URL by itself
	for i, p := range u.value {
		place := inURL
		switch _, rest, found := strings.Cut(seen, "://"); {
		case strings.ContainsAny(seen, "?#"):
			place = inQueryOf
		case whole && strings.Contains(seen, "/"), found && strings.Contains(rest, "/"):
			place = inPath
		case found && !whole:
			place = inHost
		case i > 0 && p.Literal == "":
			return errors.New("a value follows where the host may still go on; write the / of the path before it, as in https://example.com/{{ id }}")
		}
		if i > 0 && whole && seen == "" && p.Literal != "" && !strings.ContainsAny(p.Literal[:1], "/?") {
			return errors.New("a URL that is a value or a reference goes on with / or ?")
		}
		u.at = append(u.at, place)
		u.chosen = u.chosen || p.expression != nil && place < inPath
		whole = whole || place == inURL && p.Literal == ""
		if p.Literal != "" {
			seen += p.Literal
		}
	}
	return nil
}

// text fills in the values.
func (u *urlValue) text(env environment) (Text, error) {
	text, err := u.fill(func(p valuePart, at urlPlace) (Text, error) {
		if p.expression == nil {
			return Text{p.Part}, nil
		}
		result, err := value{p}.text(env)
		if err != nil {
			return nil, err
		}
		s, err := escapeIn(at, result.String())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", strings.TrimSpace(p.expression.source), err)
		}
		return Plain(s), nil
	})
	if err != nil {
		return nil, err
	}
	return text, checkSteps(text)
}

func (u *urlValue) fill(with func(valuePart, urlPlace) (Text, error)) (Text, error) {
	var text Text
	for i, p := range u.value {
		if p.Literal != "" {
			text = append(text, p.Part)
			continue
		}
		filled, err := with(p, u.at[i])
		if err != nil {
			return nil, err
		}
		text = append(text, filled...)
	}
	return text.join(), nil
}

var hostPart = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$`)

// escapeIn makes a value one that cannot leave its place.
func escapeIn(at urlPlace, s string) (string, error) {
	switch at {
	case inURL:
		u, err := parseURL(s)
		switch {
		case err != nil:
			return "", errors.New("is not a URL that begins with http:// or https://")
		case u.User != nil:
			return "", errors.New("is a URL with a user, which only the file may name")
		}
		u.Fragment = ""
		return u.String(), nil
	case inHost:
		if !hostPart.MatchString(s) {
			return "", errors.New("is not a host, and it stands where one belongs; a value of the path comes behind a /")
		}
		return s, nil
	case inPath:
		if s == "" {
			return "", errors.New("is empty, which would make it another path")
		}
	}
	return escapeAll(s), nil
}

// escapeAll escapes all that has a meaning in a path or a query (RFC 3986, 2.3),
// and reads as the same text in both, which a + does not.
func escapeAll(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// checkSteps refuses a path with . and .. in it, however they are spelt: servers
// that unescape before they look would take them for a step to another path.
func checkSteps(t Text) error {
	s := ""
	for _, p := range t {
		s += p.Literal
		if p.Ref != "" {
			s += "x"
		}
	}
	s, _, _ = strings.Cut(s, "?")
	for segment := range strings.FieldsFuncSeq(unescapeAll(s), func(r rune) bool { return r == '/' || r == '\\' }) {
		if segment == "." || segment == ".." {
			return fmt.Errorf("has the part %s, which leads to another path", segment)
		}
	}
	return nil
}

var steps = strings.NewReplacer("%2e", ".", "%2E", ".", "%2f", "/", "%2F", "/", "%5c", `\`, "%5C", `\`, "%25", "%")

// unescapeAll undoes escapes of what paths are made of, and escapes of escapes.
func unescapeAll(s string) string {
	for range 3 {
		s = steps.Replace(s)
	}
	return s
}

// parseURL reads a URL to which a request can be sent.
func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, errors.New("is not a URL of http or https") // the text may hold a secret
	}
	return u, nil
}

// Address is where the request goes, its references filled in by reveal, which
// is asked about one at a time. What one stands for may be a URL or a piece of a
// path; in the query it is escaped.
func (h *HTTPCall) Address(reveal func(Text) (string, error)) (*url.URL, error) {
	literal := ""
	s, err := h.URL.fillIn(reveal, func(before, secret string) string {
		literal += before
		if strings.Contains(literal, "?") {
			return escapeAll(secret)
		}
		return secret
	})
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	u, err := parseURL(s)
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	return u, nil
}

// fillIn fills in the references. spell says how what one stands for is written
// behind the literal text that stands before it.
func (t Text) fillIn(reveal func(Text) (string, error), spell func(before, secret string) string) (string, error) {
	var b strings.Builder
	before := ""
	for _, p := range t {
		if p.Ref == "" {
			b.WriteString(p.Literal)
			before = p.Literal
			continue
		}
		secret, err := reveal(Text{p})
		if err != nil {
			return "", err
		}
		b.WriteString(spell(before, secret))
		before = ""
	}
	return b.String(), nil
}
