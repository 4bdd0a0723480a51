package rules

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules/verify"
)

// evil is what somebody adds to a genuine request who cannot sign.
const evil = "evil"

// changes are what such a person can do: say another Content-Type, add headers, and
// write around what is signed so that another reader finds something else in it.
// Each is given the genuine body, and the query of its form.
var changes = map[string]func(r *Request, form string){
	"another Content-Type, JSON":      func(r *Request, _ string) { setBody(r, jsonType, string(r.Body)) },
	"another Content-Type, text":      func(r *Request, _ string) { setBody(r, "text/plain", string(r.Body)) },
	"another Content-Type, XML":       func(r *Request, _ string) { setBody(r, "text/xml", string(r.Body)) },
	"another Content-Type, event":     func(r *Request, _ string) { setBody(r, "application/cloudevents+json", string(r.Body)) },
	"headers of an event":             func(r *Request, _ string) { addEvent(r) },
	"a field":                         func(r *Request, form string) { setBody(r, formType, form+"&evil=evil") },
	"a field in front":                func(r *Request, form string) { setBody(r, formType, "evil=evil&"+form) },
	"a field, form-like":              func(r *Request, form string) { setBody(r, "text/plain", form+"&evil=evil") },
	"JSON around a form":              func(r *Request, form string) { setBody(r, jsonType, `{"x":"&`+form+`&","evil":"evil"}`) },
	"JSON around a form, as a form":   func(r *Request, form string) { setBody(r, formType, `{"x":"&`+form+`&","evil":"evil"}`) },
	"JSON around a form, without one": func(r *Request, form string) { setBody(r, "", `{"x":"&`+form+`&","evil":"evil"}`) },
	"XML around a form":               func(r *Request, form string) { setBody(r, "text/xml", "<a>&"+form+"&<evil/></a>") },
	"parts":                           func(r *Request, form string) { setBody(r, multipartType, parted(form, aPart("evil", "", evil))) },
	"a file": func(r *Request, form string) {
		setBody(r, multipartType, parted(form, aPart("x", `; filename="evil"`, evil)))
	},
	"a file without a name": func(r *Request, form string) {
		setBody(r, multipartType, parted(form, aPart("evil", `; filename=""`, evil)))
	},
	"a name in JSON": func(r *Request, _ string) {
		setBody(r, jsonType, strings.Replace(string(r.Body), "{", `{"evil":"evil",`, 1))
	},
	"parts behind JSON": func(r *Request, form string) {
		setBody(r, multipartType, string(r.Body)+"\r\n"+parted(form, aPart("evil", "", evil)))
	},
	"a query":                 func(r *Request, _ string) { addQuery(r, "evil=evil") },
	"a GET":                   func(r *Request, _ string) { r.Method, r.Body = http.MethodGet, nil; addQuery(r, "evil=evil") },
	"a GET of the form":       func(r *Request, form string) { r.Method, r.Body = http.MethodGet, nil; addQuery(r, form+"&evil=evil") },
	"a body beside the query": func(r *Request, _ string) { r.Method = http.MethodGet; setBody(r, jsonType, `{"evil":"evil"}`) },
	"packed, named as a form": func(r *Request, form string) {
		setBody(r, formType, packedAs("&"+form+"&x=", evilForm(form)))
		r.Header.Set("Content-Encoding", "gzip")
	},
	"packed, named as parts": func(r *Request, form string) {
		setBody(r, multipartType, packedAs("\r\n"+parted(form, ""), parted(evilForm(form), "")))
		r.Header.Set("Content-Encoding", "gzip")
	},
	"another body": func(r *Request, _ string) { setBody(r, jsonType, `{"evil":"evil"}`) },
}

func setBody(r *Request, contentType, body string) {
	r.Header.Del("Content-Type")
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	r.Body = []byte(body)
}

func addQuery(r *Request, query string) {
	r.RawQuery = strings.Trim(r.RawQuery+"&"+query, "&")
}

func addEvent(r *Request) {
	for _, name := range []string{"Specversion", "Type", "Id", "Source", "Evil"} {
		r.Header.Set("Ce-"+name, evil)
	}
}

func aPart(name, more, value string) string {
	return "--xyz\r\nContent-Disposition: form-data; name=\"" + name + "\"" + more + "\r\n\r\n" + value + "\r\n"
}

// parted is a form in parts, with a further one.
func parted(form, further string) string {
	values, _ := url.ParseQuery(form)
	var b strings.Builder
	for name, list := range values {
		for _, value := range list {
			b.WriteString(aPart(name, "", value))
		}
	}
	return b.String() + further + "--xyz--\r\n"
}

// packedAs is a gzip file that can be read as a form as it is: the name in it is one,
// and nothing else there spoils it.
func packedAs(name, text string) string {
	for ; ; text += "&" {
		var b bytes.Buffer
		w, _ := gzip.NewWriterLevel(&b, gzip.NoCompression)
		w.Name = "NAME"
		io.WriteString(w, text)
		w.Close()
		head, tail, _ := strings.Cut(b.String(), "NAME")
		if !strings.ContainsAny(head+strings.Replace(tail, text, "", 1), "%;&=") {
			return head + name + tail
		}
	}
}

// evilForm is a form with the same fields, of other contents.
func evilForm(form string) string {
	values, _ := url.ParseQuery(form)
	for name := range values {
		values.Set(name, `"evil"`)
	}
	return values.Encode()
}

// taken is what the hook's rule takes of a request that is believed.
func taken(h *Hook, r *Request, now time.Time) (what string, believed bool) {
	if h.Verify(r, now) != nil {
		return "", false
	}
	if h.Unpack(r, nil) != nil {
		return "", true
	}
	_, actions, err := h.Evaluate(r)
	if err != nil {
		return "", true
	}
	what = actions[0].Command.Argv[1].String() + " " + r.Event + " " + r.ID + " " + r.Dedupe.Key
	if actions[0].Command.Files != "" {
		for f := range Files(actions[0].Command.Files, r.Body) {
			what += " " + f.Name + " " + string(f.Data)
		}
	}
	return what, true
}

// uncovered are the providers that do not sign all of what rules read, which
// nothing here can change. Each says so of itself.
var uncovered = []string{"adyen-standard", "aws-sns", "mailgun", "mailgun-form", "paypal", "twilio", "vonage"}

// Whoever has a genuine request and cannot sign gets nothing of their own read,
// whatever the preset, where the provider signs what is read.
func TestUnsignedIsNotRead(t *testing.T) {
	for _, name := range verify.Presets() {
		s := newPresetSender(t, name)
		cover := s.scheme.Cover()
		if slices.Contains(uncovered, name) != (cover.Gap != "") {
			t.Errorf("%s leaves out %q", name, cover.Gap)
		}
		if cover.Request || cover.Gap != "" && name != "paypal" && name != "twilio" && name != "vonage" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			now := time.Now()
			signed, err := s.signed(now)
			if err != nil {
				t.Fatal(err)
			}
			genuine, believed := taken(s.hook, arrives(signed), now)
			if !believed {
				t.Fatal("a genuine request is refused")
			}
			form := signed.RawQuery
			if signed.Header.Get("Content-Type") == formType {
				form = string(signed.Body)
			}
			for change, do := range changes {
				r := arrives(signed)
				do(r, form)
				if got, _ := taken(s.hook, r, now); strings.Contains(got, evil) {
					t.Errorf("%s: %s %q %s is read as %s, genuine is %s", change, r.Method, r.RawQuery, r.Body, got, genuine)
				}
			}
		})
	}
}

// The same where the sender is described, and where the hook says how bodies are read.
func TestUnsignedIsNotReadOfOthers(t *testing.T) {
	const payload = `{"n":1}`
	field := "payload=" + url.QueryEscape(payload)
	for name, c := range map[string]struct {
		hook    string // verify, and content
		over    string // what is signed
		body    string
		believe bool // as a form
	}{
		"a field":                {`verify: {hmac: {secret: s, header: X-Signature, signed: "{form:payload}"}}`, payload, field, true},
		"a field, content form":  {`verify: {hmac: {secret: s, header: X-Signature, signed: "{form:payload}"}}, content: form`, payload, field, true},
		"one of two fields":      {`verify: {hmac: {secret: s, header: X-Signature, signed: "{form:payload}"}}`, payload, field + "&x=1", true},
		"a form":                 {`verify: {hmac: {secret: s, header: X-Signature, signed: "{form_sorted}"}}`, "payload" + payload, field, true},
		"a field, else the body": {`verify: {hmac: {secret: s, header: X-Signature, signed_form: "{form:payload}"}}`, payload, field, true},
		"beside a token":         {`verify: {any: [{bearer: t}, {hmac: {secret: s, header: X-Signature, signed: "{form:payload}"}}]}`, payload, field, true},
		"with a token":           {`verify: {all: [{token: {query: a, secret: b}}, {hmac: {secret: s, header: X-Signature, signed: "{form:payload}"}}]}`, payload, field, true},
		"gitea":                  {`verify: {gitea: s}`, payload, field, true},
		"gitea, content json":    {`verify: {gitea: s}, content: json`, payload, field, false},
		"gitea, content text":    {`verify: {gitea: s}, content: text`, payload, field, false},
		"gogs, content json":     {`verify: {gogs: s}, content: json`, payload, field, false},
		"forgejo, events":        {`verify: {forgejo: s}, content: cloudevents`, payload, field, false},
		"the body, events":       {`verify: {hmac: {secret: s, header: X-Signature}}, content: cloudevents`, field, field, true},
		"gitea or a token":       {`verify: {any: [{bearer: t}, {gitea: s}]}`, payload, field, true},
	} {
		t.Run(name, func(t *testing.T) {
			h := oneHook(t, "hooks: {/a: {"+c.hook+`, methods: [GET, POST], rules: [{name: all, run: [make, "{{ payload }}"]}]}}`)
			sender, err := verify.Scheme{Type: "hmac", Algorithm: "sha256", Signature: verify.Signature{From: verify.Sources{"header:X-Signature"}}}.Compile([]verify.Secret{"s"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			over := &verify.Request{Header: http.Header{}, Body: []byte(c.over)}
			if err := sender.Sign(over); err != nil {
				t.Fatal(err)
			}
			genuine := func() *Request {
				r := &Request{Method: http.MethodPost, Path: "/a", RawQuery: "a=b", Header: http.Header{"Content-Type": {formType}}, Body: []byte(c.body)}
				for _, provider := range []string{"", "Gitea-", "Gogs-", "Forgejo-"} {
					r.Header.Set("X-"+provider+"Signature", over.Header.Get("X-Signature"))
				}
				return r
			}
			now := time.Now()
			if _, believed := taken(h, genuine(), now); believed != c.believe {
				t.Fatalf("a form is believed: %v", believed)
			}
			for change, do := range changes {
				r := genuine()
				do(r, c.body)
				if got, _ := taken(h, r, now); strings.Contains(got, evil) {
					t.Errorf("%s: %s %q %s is read as %s", change, r.Method, r.RawQuery, r.Body, got)
				}
			}
		})
	}
}

// The query of a GET is no payload beside the signature of an empty body.
func TestQueryBesideASignedBody(t *testing.T) {
	h := oneHook(t, `hooks: {/a: {methods: [GET], verify: {hmac: {secret: s, header: X-Signature}}, rules: [{name: all, run: [make, "{{ payload }}"]}]}}`)
	signed := &verify.Request{Method: http.MethodGet, Header: http.Header{}}
	if err := h.verifier.Sign(signed); err != nil {
		t.Fatal(err)
	}
	r := arrives(signed)
	addQuery(r, "evil=evil")
	if got, believed := taken(h, r, time.Now()); !believed || strings.Contains(got, evil) {
		t.Errorf("read %q, believed: %v", got, believed)
	}
}

// Among several schemes the query counts where whatever believes the request speaks
// of it.
func TestQueryBesideSeveralSchemes(t *testing.T) {
	const body, field = "{hmac: {secret: s, header: X-Signature}}", `{hmac: {secret: f, header: X-F, signed: "{form:a}"}}`
	const whole = `{hmac: {secret: u, header: X-U, signed: "{url}{body}"}}`
	const token = "{token: {header: X-K, secret: t}}"
	for verification, counts := range map[string]bool{
		body:                                    false,
		token:                                   true,
		whole:                                   true,
		"{all: [" + token + ", " + body + "]}":  false,
		"{all: [" + body + ", " + token + "]}":  false,
		"{all: [" + token + ", " + token + "]}": true,
		"{all: [" + token + ", " + whole + "]}": true,
		"{all: [" + body + ", " + whole + "]}":  true,
		"{any: [" + token + ", " + body + "]}":  false,
		"{any: [" + field + ", " + body + "]}":  false,
		"{any: [" + body + ", " + field + "]}":  false,
		"{any: [" + whole + ", " + body + "]}":  false,
		"{any: [" + token + ", " + whole + "]}": true,
		"{any: [{all: [" + token + ", " + body + "]}, " + token + "]}":                  false,
		"{all: [{any: [" + token + ", " + whole + "]}, " + body + "]}":                  false,
		"{all: [{any: [" + whole + ", " + field + "]}, " + body + "]}":                  true,
		"{all: [" + body + `, {hmac: {secret: x, header: X-T, signed: "{header:X}"}}]}`: false,
	} {
		h := oneHook(t, "server: {public_url: https://example.com}\nhooks: {/a: {methods: [GET], verify: "+verification+`, rules: [{name: all, run: [make, "{{ payload }}"]}]}}`)
		signed := &verify.Request{Method: http.MethodGet, URL: "https://example.com/a?a=1", Path: "/a", RawQuery: "a=1", Header: http.Header{"X": {"x"}}, Now: time.Now()}
		if err := h.verifier.Sign(signed); err != nil {
			t.Fatal(err)
		}
		got, believed := taken(h, arrives(signed), time.Now())
		if read := strings.Contains(got, `"a":"1"`); !believed || read != counts {
			t.Errorf("%s: %q is read, believed: %v", verification, got, believed)
		}
	}
}

// A sorted form is signed without what stands between names and values, so it can be
// cut elsewhere. Mandrill's is then without its field, and none of Mandrill's.
func TestFormThatIsCutElsewhere(t *testing.T) {
	s := newPresetSender(t, "mandrill")
	now := time.Now()
	signed, err := s.signed(now)
	if err != nil {
		t.Fatal(err)
	}
	r := arrives(signed)
	r.Body = []byte("mandrill_event=s[]")
	if err := s.hook.Verify(r, now); err != nil {
		t.Fatal(err)
	}
	_, _, err = s.hook.Evaluate(r)
	checkMalformed(t, err, `0 fields "mandrill_events"`)
}

// An event is known again by its id, whatever source somebody writes beside it.
func TestSourceIsThatOfTheID(t *testing.T) {
	body := map[string]string{
		"stripe": `{"id":"1","type":"t","source":"SOURCE"}`, "pagerduty": `{"event":{"id":"1","event_type":"t"},"source":"SOURCE"}`,
		"okta": `{"eventId":"1","eventType":"t"}`, "telegram": `{"update_id":1}`,
	}
	for name, text := range body {
		h := hookWith(t, "/a", "verify: {"+name+`: "${env:TOKEN}"}`)
		keys := map[string]bool{}
		for _, source := range []string{"", "a", "b"} {
			for _, contentType := range []string{jsonType, "application/cloudevents+json"} {
				r := &Request{Method: "POST", Path: "/a", Header: http.Header{"Content-Type": {contentType}}, Body: []byte(text)}
				if source != "" {
					r.Header.Set("Ce-Source", source)
					r.Header.Set("Ce-Specversion", "1.0")
				}
				r.Event, r.ID = h.verifier.Identify(h.evidence(r, time.Now()))
				h.identifyEvent(r)
				if _, _, err := h.Evaluate(r); err != nil {
					t.Fatal(err)
				}
				keys[r.Dedupe.Key] = true
			}
		}
		if len(keys) != 1 {
			t.Errorf("%s: one event has the keys %v", name, keys)
		}
	}
}

// What the hook says about its bodies comes before headers.
func TestContentComesFirst(t *testing.T) {
	for content, want := range map[string]string{
		"content: json":        `{"n":1}   `,
		"content: text":        `{"n":1}   `,
		"content: cloudevents": `{"data":{"n":1},"datacontenttype":"application/json","evil":"evil","id":"evil","source":"evil","specversion":"evil","type":"evil"} evil evil evil evil evil`,
		"":                     `{"data":{"n":1},"datacontenttype":"application/json","evil":"evil","id":"evil","source":"evil","specversion":"evil","type":"evil"} evil evil evil evil evil`,
	} {
		h := oneHook(t, "hooks:\n  /a:\n    verify: {bearer: secret-token}\n    "+content+"\n    rules: [{name: all, run: [make, \"{{ payload }}\"]}]\n")
		r := &Request{Method: "POST", Path: "/a", Header: http.Header{"Authorization": {"Bearer secret-token"}, "Content-Type": {jsonType}}, Body: []byte(`{"n":1}`)}
		addEvent(r)
		if got, believed := taken(h, r, time.Now()); !believed || got != want {
			t.Errorf("%q: %q, want %q", content, got, want)
		}
	}
	h := oneHook(t, `hooks: {/a: {verify: {hmac: {secret: s, header: X-Signature}}, content: cloudevents, rules: [{name: all, run: [make, "{{ type }} {{ request.id }}"]}]}}`)
	signed := &verify.Request{Method: "POST", Header: http.Header{"Content-Type": {jsonType}}, Body: []byte(`{"specversion":"1.0","id":"1","type":"t","source":"s"}`)}
	if err := h.verifier.Sign(signed); err != nil {
		t.Fatal(err)
	}
	if got, _ := taken(h, arrives(signed), time.Now()); got != "t 1 t 1 t s 1" {
		t.Errorf("a structured event with a signature is %q", got)
	}
}
