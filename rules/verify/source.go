package verify

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Where a value can stand.
const (
	inHeader    = "header"
	inQuery     = "query"
	inForm      = "form"
	inJSON      = "json"
	inFormJSON  = "form-json" // of JSON in a field of a form: "form-json:payload.type"
	inSignature = "sig"
)

// A source is one place of a request, as in "header:X-Event".
type source struct {
	kind string
	name string   // as written; what people recognise
	key  string   // a header's canonical name
	path []string // of a JSON value; of one in a form, behind the field

	signed bool // known of event and id only: nobody else can change what stands here
}

// evidence is a request under examination, with the list that its signature
// header holds, as far as that is known.
type evidence struct {
	*Request
	signature pairs
}

// headerName is a token (RFC 9110, section 5.6.2); no other name ever comes.
var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

func parseSource(text string) (source, error) {
	kind, name, ok := strings.Cut(text, ":")
	if !ok || name == "" || strings.TrimSpace(name) != name {
		return source{}, fmt.Errorf("%q does not say where; write header:NAME, query:NAME, form:NAME or json:PATH", text)
	}
	s := source{kind: kind, name: name}
	switch kind {
	case inHeader:
		if !headerName.MatchString(name) {
			return source{}, fmt.Errorf("%q is no name of a header: those have letters, digits and -, as in X-Signature", name)
		}
		s.key = http.CanonicalHeaderKey(name)
	case inJSON, inFormJSON:
		s.path = strings.Split(name, ".")
		if slices.Contains(s.path, "") {
			return source{}, fmt.Errorf("%q has an empty step; write json:a.b, or json:0.id for an array", text)
		}
		if kind == inFormJSON && len(s.path) < 2 {
			return source{}, fmt.Errorf("%q has no path behind the field; write form-json:FIELD.a.b", text)
		}
	case inQuery, inForm, inSignature:
	default:
		return source{}, fmt.Errorf("%q is no place in a request; write header:, query:, form: or json: in front of a name", kind+":")
	}
	return s, nil
}

// String describes the source in a sentence about a request.
func (s source) String() string {
	switch s.kind {
	case inHeader:
		return s.name + " header"
	case inQuery:
		return s.name + " in the query"
	case inForm, inFormJSON:
		return "form field " + s.name
	case inSignature:
		return s.name + " in the signature header"
	}
	return s.name + " in the JSON body"
}

// get returns the value, or "" if it is absent or empty. A value that is there
// twice and differs is refused: which of the two counts is how a forgery and a
// genuine message are told apart differently by two programs.
func (s source) get(e evidence) (string, error) {
	switch s.kind {
	case inHeader:
		return s.only(e.Header[s.key])
	case inQuery:
		return s.only(e.queryValues()[s.name])
	case inForm:
		values, err := e.formValues()
		if err != nil {
			return "", err
		}
		return s.only(values[s.name])
	case inFormJSON:
		field, err := source{kind: inForm, name: s.path[0]}.get(e)
		return readJSON([]byte(field)).at(s.path[1:]), err
	case inSignature:
		return s.only(e.signature.values(s.name))
	}
	return e.jsonRoot().at(s.path...), nil
}

func (s source) only(values []string) (string, error) {
	if len(values) == 0 {
		return "", nil
	}
	for _, v := range values[1:] {
		if v != values[0] {
			return "", reject("%s is there %d times with different values", s, len(values))
		}
	}
	return values[0], nil
}

// set writes the value where get finds it.
func (s source) set(r *Request, value string) error {
	switch s.kind {
	case inHeader:
		r.setHeader(s.key, value)
	case inQuery:
		r.setQuery(s.name, value)
	case inForm:
		return setFormField(r, s.name, value)
	case inFormJSON:
		field := source{kind: inForm, name: s.path[0]}
		text, err := setJSON([]byte(sources{field}.peek(r)), s.path[1:], value)
		if err != nil {
			return err
		}
		return field.set(r, string(text))
	case inJSON:
		return setJSONValue(r, s.path, value)
	}
	return nil
}

// strip takes the value out; in a body its place stays, empty.
func (s source) strip(r *Request) error {
	switch s.kind {
	case inHeader:
		r.Header.Del(s.key)
		return nil
	case inQuery:
		parts := slices.DeleteFunc(strings.Split(r.RawQuery, "&"), func(part string) bool {
			name, _, _ := strings.Cut(part, "=")
			plain, err := url.QueryUnescape(name)
			return err != nil || plain == s.name
		})
		r.RawQuery, r.query = strings.Join(parts, "&"), nil
		return nil
	}
	if (sources{s}).peek(r) == "" {
		return nil
	}
	return s.set(r, "")
}

// sources are tried in order; the first one present wins.
type sources []source

// known makes sources of places that are written in this program.
func known(places ...string) (l sources) {
	for _, place := range places {
		s, err := parseSource(place)
		if err != nil {
			panic(err) // a mistake in this package
		}
		l = append(l, s)
	}
	return l
}

// first returns the first value present, or "".
func (l sources) first(e evidence) (string, error) {
	for _, s := range l {
		if v, err := s.get(e); v != "" || err != nil {
			return v, err
		}
	}
	return "", nil
}

// require is first for a value that must be there.
func (l sources) require(e evidence) (string, error) {
	v, err := l.first(e)
	if v == "" && err == nil {
		return "", reject("no %s", l)
	}
	return v, err
}

// peek is first for a value that decides nothing here.
func (l sources) peek(r *Request) string {
	v, _ := l.peekSigned(r)
	return v
}

// peekSigned tells as well whether the value is signed.
func (l sources) peekSigned(r *Request) (value string, signed bool) {
	for _, s := range l {
		v, err := s.get(evidence{Request: r})
		if err != nil {
			return "", false
		}
		if v != "" {
			return v, s.signed
		}
	}
	return "", false
}

// String joins the descriptions, for "no X header or Y header".
func (l sources) String() string {
	if len(l) > 3 {
		return l[0].String() + " or another like it"
	}
	names := make([]string, len(l))
	for i, s := range l {
		names[i] = s.String()
	}
	return strings.Join(names, " or ")
}
