package rules

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hooktender/hooktender/rules/verify"
)

// nodeOf is the value of a setting that stands in a file.
func nodeOf(t testing.TB, text string) node {
	t.Helper()
	s := &source{path: "hooks.yaml", lines: strings.Split(text, "\n")}
	d := &decoder{secrets: map[Reference]verify.Secret{}, asked: map[Reference]bool{}, missing: map[Reference]error{}}
	s.parse(d, "empty")
	if s.root == nil {
		t.Fatal(d.problems)
	}
	return node{Node: s.root, d: d, file: s}
}

// readCall compiles a call, and says what is wrong with it.
func readCall(t testing.TB, text string) (*httpCall, Problems) {
	t.Helper()
	n := nodeOf(t, text)
	h := httpCalls.read(n)
	return h, n.d.problems
}

// callOf is what a call comes to for an event.
func callOf(t testing.TB, text string, r *Request) (*HTTPCall, error) {
	t.Helper()
	h, problems := readCall(t, text)
	if len(problems) > 0 {
		t.Fatalf("%s\n%v", text, problems)
	}
	payload, err := payloadOf(r, reading{content: contentJSON}, h.fields()) // only what it says that it reads
	if err != nil {
		t.Fatal(err)
	}
	call, err := h.of(environment{Payload: payload, Request: &requestView{request: r, hook: &Hook{}}})
	if err != nil {
		return nil, err
	}
	stored, err := json.Marshal(call)
	if err != nil {
		t.Fatal(err)
	}
	call = &HTTPCall{}
	if err := json.Unmarshal(stored, call); err != nil {
		t.Fatal(err)
	}
	return call, nil
}

// revealed reads references as an attempt does.
func revealed(text Text) (string, error) {
	s := ""
	for _, p := range text {
		if p.Ref == "" {
			s += p.Literal
			continue
		}
		secret, err := p.Ref.Read()
		if err != nil {
			return "", err
		}
		s += secret.Reveal()
	}
	return s, nil
}

func setSecrets(t *testing.T) {
	t.Helper()
	t.Setenv("TOKEN", secretValue)
	t.Setenv("ODD", `"/?&=+ %\`)
	t.Setenv("BASE", "https://crm.example.com/api")
	t.Setenv("WHSEC", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
}

func TestHTTPAddress(t *testing.T) {
	setSecrets(t)
	const body = `{"id":7,"big":9007199254740993,"name":"a b/c?d#e&f=g+h%2e","up":"..","up2":"x/../../admin","twice":"%2e%2e","mix":"%zz/%2e%2e",
		"dot":".","back":"..\\x","host":"example.org","port":8443,"bad":"evil.com/x?","at":"user@evil.com","whole":"https://example.net/in?x=1#f","userd":"https://a:b@example.net/","ftp":"ftp://example.net/",
		"none":"","v6":"[2001:db8::1]:443","list":[1,2]}`
	for _, c := range []struct {
		url, want string // or the error
		private   bool
	}{
		{"https://crm.example.com", "https://crm.example.com", true},
		{"https://crm.example.com/u/{{ id }}", "https://crm.example.com/u/7", true},
		{"https://crm.example.com/u/{{ big }}?n={{ big }}", "https://crm.example.com/u/9007199254740993?n=9007199254740993", true},
		{"https://crm.example.com/u/{{ name }}/x", "https://crm.example.com/u/a%20b%2Fc%3Fd%23e%26f%3Dg%2Bh%252e/x", true},
		{"https://crm.example.com/u?q={{ name }}&r=1", "https://crm.example.com/u?q=a%20b%2Fc%3Fd%23e%26f%3Dg%2Bh%252e&r=1", true},
		{"https://crm.example.com?q={{ name }}", "https://crm.example.com?q=a%20b%2Fc%3Fd%23e%26f%3Dg%2Bh%252e", true},
		{"https://crm.example.com/u?q={{ up2 }}", "https://crm.example.com/u?q=x%2F..%2F..%2Fadmin", true},
		{"https://crm.example.com/u?q={{ missing }}", "https://crm.example.com/u?q=", true},
		{"https://crm.example.com/u?q={{ list }}", "https://crm.example.com/u?q=%5B1%2C2%5D", true},
		{"https://crm.example.com/u/{{ up }}/x", "leads to another path", true},
		{"https://crm.example.com/u/.{{ dot }}/x", "leads to another path", true},
		{"https://crm.example.com/u/{{ up2 }}", "leads to another path", true},
		{"https://crm.example.com/u/{{ twice }}", "leads to another path", true},
		{"https://crm.example.com/u/{{ mix }}", "leads to another path", true},
		{"https://crm.example.com/u/{{ back }}", "leads to another path", true},
		{"https://crm.example.com/u/{{ none }}/x", "is empty", true},
		{"https://crm.example.com/u/{{ missing }}", "is empty", true},

		{"https://{{ host }}/x", "https://example.org/x", false},
		{"https://{{ host }}:{{ port }}/x", "https://example.org:8443/x", false},
		{"https://example.com:{{ port }}/x", "https://example.com:8443/x", false},
		{"https://{{ v6 }}/x", "https://[2001:db8::1]:443/x", false},
		{"https://api.{{ host }}/{{ id }}", "https://api.example.org/7", false},
		{"https://{{ bad }}/x", "is not a host", false},
		{"https://{{ at }}/x", "is not a host", false},
		{"https://{{ missing }}/x", "is not a host", false},
		{"https://crm.example.com{{ name }}", "is not a host", false},
		{"{{ whole }}", "https://example.net/in?x=1", false},
		{"{{ whole }}/{{ id }}", "https://example.net/in?x=1/7", false},
		{"{{ userd }}", "with a user", false},
		{"{{ ftp }}", "is not a URL", false},
		{"{{ missing }}", "is not a URL", false},

		{"${env:BASE}/u/{{ id }}", "https://crm.example.com/api/u/7", true},
		{"${env:BASE}", "https://crm.example.com/api", true},
		{"https://crm.example.com/${env:TOKEN}/x?key=${env:ODD}&n={{ id }}", "https://crm.example.com/" + secretValue + "/x?key=%22%2F%3F%26%3D%2B%20%25%5C&n=7", true},
	} {
		call, err := callOf(t, "url: '"+c.url+"'", push(body))
		if err != nil {
			if strings.HasPrefix(c.want, "http") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v", c.url, err)
			}
			continue
		}
		if strings.Contains(call.URL.String(), secretValue) {
			t.Errorf("%s: the secret is stored", c.url)
		}
		u, err := call.Address(revealed)
		if err != nil || u.String() != c.want || call.Private != c.private || call.Anywhere {
			t.Errorf("%s:\n got %v, %v, private %v\nwant %s", c.url, u, err, call.Private, c.want)
		}
	}
}

func FuzzHTTPAddress(f *testing.F) {
	for _, s := range []string{"a", "..", "a/../b", "%2e%2e/", "a?b#c", `..\`, "evil.com", "@", "[::1]", "%25252e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, v string) {
		if !utf8.ValidString(v) {
			return // JSON has no such text
		}
		body, _ := json.Marshal(map[string]string{"v": v})
		call, err := callOf(t, `url: "https://crm.example.com/a/{{ v }}/b?c={{ v }}&d=e"`, push(string(body)))
		if err != nil {
			return
		}
		u, err := call.Address(revealed)
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(u.EscapedPath(), "/")
		if u.Host != "crm.example.com" || len(parts) != 4 || parts[1] != "a" || parts[3] != "b" || u.Fragment != "" || u.User != nil ||
			u.Path != "/a/"+v+"/b" || u.Query().Get("c") != v || u.Query().Get("d") != "e" || len(u.Query()) != 2 {
			t.Errorf("%q became %s", v, u)
		}
	})
}

func TestHTTPBody(t *testing.T) {
	setSecrets(t)
	r := push(`{"n":9007199254740993,"f":1.50,"huge":123456789012345678901,"s":"a\"b\n<&>","null":null,"yes":true,"list":[1,"x",{"y":null}],"obj":{"k":"v"},"form":"a&b=c"}`)
	for _, c := range []struct{ text, body, contentType string }{
		{`json: "{{ n }}"`, `9007199254740993`, typeJSON},
		{`json: " {{ n }}"`, `" 9007199254740993"`, typeJSON},
		{`json: "{{ list }}"`, `[1,"x",{"y":null}]`, typeJSON},
		{`json: "{{ missing }}"`, `null`, typeJSON},
		{`json: {a: "{{ f }}", b: "{{ huge }}", c: "{{ s }}", d: "{{ null }}", e: "{{ yes }}", f: "{{ obj }}", g: "{{ payload }}"}`,
			`{"a":1.5,"b":"123456789012345678901","c":"a\"b\n<&>","d":null,"e":true,"f":{"k":"v"},"g":{"f":1.5,"form":"a&b=c","huge":"123456789012345678901","list":[1,"x",{"y":null}],"n":9007199254740993,"null":null,"obj":{"k":"v"},"s":"a\"b\n<&>","yes":true}}`, typeJSON},
		{`json: {"z\"": "x {{ s }} y", a: [1, 2.50, -0, 0x1f, 1_000, 12345678901234567890123, true, null, ~, "null", "", 2001-01-01], m: {}, l: []}`,
			`{"z\"":"x a\"b\n<&> y","a":[1,2.50,-0,31,1000,12345678901234567890123,true,null,null,"null","","2001-01-01"],"m":{},"l":[]}`, typeJSON},
		{`json: {token: "${env:TOKEN}", odd: "<${env:ODD}> {{ s }}", only: "${env:ODD}"}`,
			`{"token":"` + secretValue + `","odd":"<\"/?&=+ %\\> a\"b\n<&>","only":"\"/?&=+ %\\"}`, typeJSON},
		{`form: {a: "{{ form }}", "b c": ["${env:ODD}", 5], d: ""}`, `a=a%26b%3Dc&b+c=%22%2F%3F%26%3D%2B+%25%5C&b+c=5&d=`, typeForm},
		{`body: "n is {{ n }}, ${env:TOKEN}"`, `n is 9007199254740993, ` + secretValue, typeText},
		{`body: ""`, ``, typeText},
	} {
		call, err := callOf(t, "url: https://crm.example.com/\n"+c.text, r)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		body, err := call.Payload(revealed)
		if err != nil || string(body) != c.body || call.ContentType != c.contentType {
			t.Errorf("%s:\n got %s, %s, %v\nwant %s", c.text, body, call.ContentType, err, c.body)
		}
		if c.contentType == typeJSON && !json.Valid(body) {
			t.Errorf("%s: %s is no JSON", c.text, body)
		}
		if stored, _ := json.Marshal(call); strings.Contains(string(stored), secretValue) {
			t.Errorf("%s: the secret is stored: %s", c.text, stored)
		}
	}
}

func TestHTTPPassesOn(t *testing.T) {
	r := push(`{"id":1}`)
	r.Header.Set("Content-Type", "application/vnd.x+json")
	call, err := callOf(t, `"https://example.com/{{ id }}"`, r)
	if err != nil || call.Method != http.MethodPost || call.BodyAs != BodyDelivery || call.ContentType != "application/vnd.x+json" || call.URL.String() != "https://example.com/1" {
		t.Errorf("%+v, %v", call, err)
	}
	for method, as := range map[string]BodyAs{"POST": BodyDelivery, "PUT": BodyDelivery, "PATCH": BodyDelivery, "GET": BodyNone, "DELETE": BodyNone, "HEAD": BodyNone} {
		if call, err = callOf(t, "{url: https://example.com, method: "+method+"}", r); err != nil || call.BodyAs != as || call.Method != method {
			t.Errorf("%s: %+v, %v", method, call, err)
		}
	}
	if call, err = callOf(t, "url: https://example.com", push("")); err != nil || call.BodyAs != BodyNone || call.ContentType != "" {
		t.Errorf("an event without a body: %+v, %v", call, err)
	}
}

func TestHTTPSettings(t *testing.T) {
	setSecrets(t)
	call, err := callOf(t, `
url: "https://{{ host }}/"
method: PUT
headers: {authorization: "Bearer ${env:TOKEN}", X-Ref: "{{ ref }}", X-N: 5}
json: {}
expect: status < 400
redirects: 3
private: true
sign: {standard-webhooks: "${env:WHSEC}"}`, push(`{"host":"a.example","ref":"r"}`))
	if err != nil {
		t.Fatal(err)
	}
	if call.Method != "PUT" || !call.Private || !call.Anywhere || call.Redirects != 3 || call.Expect != "status < 400" ||
		call.Sign.Preset != "standard-webhooks" || call.Sign.Secret.String() != "${env:WHSEC}" || call.Sign.Event != "" ||
		len(call.Headers) != 3 || call.Headers[0].Name != "Authorization" || call.Headers[0].Value.String() != "Bearer ${env:TOKEN}" || call.Headers[1].Value.String() != "r" {
		t.Errorf("%+v", call)
	}
	if call, err = callOf(t, "{url: https://a.example, private: false}", push(`{}`)); err != nil || call.Private {
		t.Errorf("%+v, %v", call, err)
	}
	for _, ref := range []string{`a\r\nX-Evil: 1`, `a\nb`, `a\u0000`, `a\u007f`} {
		if call, err := callOf(t, `{url: "https://a.example", headers: {X-Ref: "{{ ref }}"}}`, push(`{"ref":"`+ref+`"}`)); err == nil {
			t.Errorf("%s: %+v", ref, call)
		}
	}
}

func TestHTTPMistakes(t *testing.T) {
	setSecrets(t)
	for _, c := range []struct{ text, want string }{
		{`""`, "1:1: is empty; write a URL"},
		{`[a]`, "1:1: is a list"},
		{`{{ url }}`, "needs quotes around it"},
		{`crm.example.com/x`, `1:1: "crm.example.com/x" is not a URL`},
		{`ftp://crm.example.com/x`, "is not a URL"},
		{`https://{{ a`, "{{ has no }}"},
		{`"${env:BASE}{{ path }}"`, "write the / of the path before it"},
		{`"${env:NOWHERE}/x"`, "NOWHERE is not set"},
		{`"${env:TOKEN}/x"`, `"${env:TOKEN}/x" is not a URL`},
		{`"{{ base }}x"`, "goes on with / or ?"},
		{`method: POST`, "has no url"},
		{`{url: "https://a.example", method: FETCH}`, `"FETCH" is not one of`},
		{`{url: "https://a.example", method: GET, json: {}}`, "a GET has no body"},
		{`{url: "https://a.example", json: {}, form: {}}`, "json says already what the body is"},
		{`{url: "https://a.example", body: x, json: {}}`, "body says already what the body is"},
		{`{url: "https://a.example", json: .inf}`, ".inf is no number of JSON"},
		{`{url: "https://a.example", json: {a: !x b}}`, "for a tag"},
		{`{url: "https://a.example", json: {"{{ a }}": b}}`, "a name is written out"},
		{`{url: "https://a.example", json: {a: {{ b }}}}`, "needs quotes around it"},
		{`{url: "https://a.example", json: {a: "{{ b( }}"}}`, "1:"},
		{`{url: "https://a.example", headers: {"X Y": a}}`, "is not the name of a header"},
		{`{url: "https://a.example", headers: {content-length: 5}}`, "Content-Length is counted by the server"},
		{`{url: "https://a.example", headers: {X-A: a, x-a: b}}`, `"x-a" is the same header as "X-A"`},
		{`{url: "https://a.example", expect: "status +"}`, "unexpected"},
		{`{url: "https://a.example", expect: "'x'"}`, "true or false"},
		{`{url: "https://a.example", redirects: -1}`, "is not a number from 0 to 20"},
		{`{url: "https://a.example", private: maybe}`, "neither true nor false"},
		{`{url: "https://a.example", sign: {standard_webhooks: "${env:WHSEC}"}}`, `did you mean "standard-webhooks"?`},
		{`{url: "https://a.example", sign: {hmac: {secret: x, header: y}}}`, `there is no preset "hmac"`},
		{`{url: "https://a.example", sign: {}}`, "must name one scheme, but names 0"},
		{`{url: "https://a.example", sign: {github: "${env:TOKEN}", stripe: "${env:TOKEN}"}}`, "but names 2"},
		{`{url: "https://a.example", sign: {github: written-out}}`, "is a secret written out"},
		{`{url: "https://a.example", sign: {github: ["${env:TOKEN}"]}}`, "one secret does it"},
		{`{url: "https://a.example", sign: {github: ""}}`, "the secret is empty"},
		{`{url: "https://a.example", sign: {github: "${env:NOWHERE}"}}`, "NOWHERE is not set"},
		{`{url: "https://a.example", sign: {standard-webhooks: "${env:ODD}"}}`, "nothing can be signed like that"},
		{`{url: "https://a.example", sign: {discord: "${env:TOKEN}"}}`, "1:35: sign: discord: nothing can be signed like that"},
		{`{url: "https://a.example", sign: {aws-sns: {topic: "arn:aws:sns:us-east-1:123456789012:x"}}}`, "1:35: sign: aws-sns: nothing can be signed like that"},
		{`{url: "https://a.example", header: {}}`, `did you mean "headers"?`},
	} {
		_, problems := readCall(t, c.text)
		if !strings.Contains(problems.Error(), c.want) || strings.Contains(problems.Error(), secretValue) || strings.Contains(problems.Error(), "written-out;") {
			t.Errorf("%s:\n got %s\nwant %s", c.text, problems, c.want)
		}
	}
}
