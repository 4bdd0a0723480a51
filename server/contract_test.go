package server

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/hooktender/hooktender/rules"
)

const theSecret = "correct-horse-battery-staple"

const contractYAML = `
server: {max_body: 64KiB}
hooks:
  /github:
    verify: {github: ` + theSecret + `}
    rules:
      - {name: redeploy, when: 'ref == "refs/heads/main"', run: "true"}
      - {name: also, when: 'ref == "refs/heads/main" && both', run: "true"}
  /broken:
    verify: none
    rules:
      - {name: typo, when: 'ref > 3', run: "true"}
      - {name: never, when: 'ref == "x"', run: "true"}
  /inside:
    verify: {github: ` + theSecret + `}
    allow_ips: [10.0.0.0/8, "fd00::/8"]
    rules: [{name: always, run: "true"}]
  /loopback:
    verify: {github: ` + theSecret + `}
    allow_ips: [127.0.0.1, "::1"]
    rules: [{name: always, run: "true"}, {name: never, when: "false", run: "true"}]
  /open:
    verify: none
    methods: [POST, PUT]
    rules: [{name: always, run: "true"}]
`

// a contractCase is one line of "What a sender gets".
type contractCase struct {
	name    string
	method  string // POST unless said
	path    string
	header  map[string]string
	body    string
	chunked bool
	signed  bool

	status  int
	want    string        // the whole body
	verdict rules.Verdict // of the delivery that is kept, "" for none
	reason  string        // a part of it
}

func gzipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

func header(pairs ...string) map[string]string {
	h := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		h[pairs[i]] = pairs[i+1]
	}
	return h
}

const (
	unauthorized = `{"error":"unauthorized"}`
	mainPush     = `{"ref":"refs/heads/main"}`
	entityBomb   = `<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><l>&b;</l>`
)

func contract() []contractCase {
	wrong := header("X-Hub-Signature-256", githubSignature("another secret", mainPush))
	deep := strings.Repeat("[", 30_000)
	large := `"` + strings.Repeat("x", 64<<10) + `"`
	return []contractCase{
		{name: "fires", path: "/github", signed: true, body: mainPush, status: 202,
			want: `{"delivery":17,"verdict":"accepted","runs":[{"id":42,"rule":"redeploy"}]}`, verdict: rules.Accepted},
		{name: "fires two rules", path: "/github", signed: true, body: `{"ref":"refs/heads/main","both":true}`, status: 202,
			want: `{"delivery":17,"verdict":"accepted","runs":[{"id":42,"rule":"redeploy"},{"id":43,"rule":"also"}]}`, verdict: rules.Accepted},
		{name: "fires nothing", path: "/github", signed: true, body: `{"ref":"refs/heads/dev"}`, status: 200,
			want: `{"delivery":17,"verdict":"ignored","runs":[]}`, verdict: rules.Ignored, reason: "no rule matched"},
		{name: "condition errs", path: "/broken", body: mainPush, status: 200,
			want: `{"delivery":17,"verdict":"error","runs":[]}`, verdict: rules.Errored, reason: `rule "typo"`},
		{name: "other method of the hook", path: "/open", method: "PUT", body: `{}`, status: 202,
			want: `{"delivery":17,"verdict":"accepted","runs":[{"id":42,"rule":"always"}]}`, verdict: rules.Accepted},

		// 11: a missing signature was answered 200, a wrong one 500.
		{name: "no signature", path: "/github", body: mainPush, status: 401, want: unauthorized, verdict: rules.Rejected, reason: "no X-Hub-Signature-256 header"},
		{name: "wrong signature", path: "/github", body: mainPush, header: wrong, status: 401, want: unauthorized, verdict: rules.Rejected, reason: "match"},
		{name: "empty signature", path: "/github", body: mainPush, header: header("X-Hub-Signature-256", ""), status: 401, want: unauthorized, verdict: rules.Rejected},
		{name: "prefix alone", path: "/github", body: mainPush, header: header("X-Hub-Signature-256", "sha256="), status: 401, want: unauthorized, verdict: rules.Rejected},
		{name: "not hex", path: "/github", body: mainPush, header: header("X-Hub-Signature-256", "sha256=zz"), status: 401, want: unauthorized, verdict: rules.Rejected},
		{name: "half a signature", path: "/github", body: mainPush, header: header("X-Hub-Signature-256", githubSignature(theSecret, mainPush)[:39]), status: 401, want: unauthorized, verdict: rules.Rejected},
		{name: "signature of the empty body", path: "/github", body: mainPush, header: header("X-Hub-Signature-256", githubSignature(theSecret, "")), status: 401, want: unauthorized, verdict: rules.Rejected},
		{name: "signed with no secret", path: "/github", body: mainPush, header: header("X-Hub-Signature-256", githubSignature("", mainPush)), status: 401, want: unauthorized, verdict: rules.Rejected},
		{name: "unsigned and not JSON", path: "/github", body: "{", status: 401, want: unauthorized, verdict: rules.Rejected},

		{name: "address not allowed", path: "/inside", signed: true, body: mainPush, status: 403, want: `{"error":"forbidden"}`, verdict: rules.Rejected, reason: "allow_ips"},
		{name: "address allowed", path: "/loopback", signed: true, body: mainPush, status: 202, verdict: rules.Accepted},
		{name: "address allowed, and no more", path: "/loopback", body: mainPush, header: wrong, status: 401, verdict: rules.Rejected, reason: "signature"},
		{name: "no such hook", path: "/nothing", body: mainPush, status: 404, want: `{"error":"not found"}`},
		{name: "wrong method", path: "/open", method: "GET", status: 405, want: `{"error":"method not allowed"}`},
		{name: "too large, announced", path: "/open", body: large, status: 413, want: `{"error":"too large"}`, verdict: rules.Rejected, reason: "65538 bytes, 65536 allowed"},
		{name: "too large, in chunks", path: "/open", body: large, chunked: true, status: 413, want: `{"error":"too large"}`, verdict: rules.Rejected, reason: "more than 65536 bytes"},
		{name: "just as large as allowed", path: "/open", body: large[:1] + large[3:], chunked: true, status: 202,
			want: `{"delivery":17,"verdict":"accepted","runs":[{"id":42,"rule":"always"}]}`, verdict: rules.Accepted},

		// 10 and 19: what cannot be read fires nothing, not even a rule without a condition.
		{name: "not JSON", path: "/open", body: "hello", status: 400, verdict: rules.Rejected, reason: "not JSON"},
		{name: "cut off", path: "/open", body: `{"a":`, status: 400, want: `{"error":"not JSON: it ends too early"}`, verdict: rules.Rejected, reason: "ends too early"},
		{name: "duplicate key", path: "/open", body: `{"a":1,"a":2}`, status: 400, verdict: rules.Rejected, reason: "duplicate"},
		{name: "trailing garbage", path: "/open", body: `{} {}`, status: 400, want: `{"error":"not JSON: something follows the value"}`, verdict: rules.Rejected, reason: "something follows"},
		{name: "invalid UTF-8", path: "/open", body: "{\"a\":\"\xff\"}", status: 400, verdict: rules.Rejected, reason: "UTF-8"},
		{name: "deep nesting", path: "/open", body: deep, status: 400, verdict: rules.Rejected, reason: "nested"},
		{name: "genuine and not JSON", path: "/github", signed: true, body: "<html>", status: 400, verdict: rules.Rejected, reason: "not JSON"},
		{name: "JSON called a form", path: "/open", header: header("Content-Type", "application/x-www-form-urlencoded"), body: mainPush, status: 400, verdict: rules.Rejected, reason: "JSON"},
		{name: "XML entity bomb", path: "/open", header: header("Content-Type", "application/xml"), body: entityBomb, status: 400, verdict: rules.Rejected, reason: "document type"},
		{name: "XML", path: "/open", header: header("Content-Type", "application/xml"), body: "<a/>", status: 202, verdict: rules.Accepted},
		{name: "an image", path: "/open", header: header("Content-Type", "image/png"), body: "x", status: 415, verdict: rules.Rejected, reason: "image/png"},
		{name: "XML called JSON", path: "/open", body: entityBomb, status: 400, verdict: rules.Rejected, reason: "not JSON"},
		{name: "no content type at all", path: "/open", header: header("Content-Type", "\t;"), body: "{}", status: 415, verdict: rules.Rejected, reason: "unsupported"},
		{name: "gzip", path: "/open", header: header("Content-Encoding", "gzip"), body: gzipped("{}"), status: 202, verdict: rules.Accepted},
		{name: "gzip, as large as allowed", path: "/open", header: header("Content-Encoding", "gzip"), body: gzipped(large[:1] + large[3:]), status: 202, verdict: rules.Accepted},
		{name: "gzip bomb", path: "/open", header: header("Content-Encoding", "gzip"), body: gzipped(strings.Repeat(" ", 32<<20)), status: 413, want: `{"error":"too large"}`, verdict: rules.Rejected, reason: "once it is unpacked"},
		{name: "no gzip", path: "/open", header: header("Content-Encoding", "gzip"), body: "{}", status: 400, verdict: rules.Rejected, reason: "not gzip"},
		{name: "half a gzip", path: "/open", header: header("Content-Encoding", "gzip"), body: gzipped("{}")[:20], status: 400, verdict: rules.Rejected, reason: "not gzip"},
		{name: "zstd", path: "/open", header: header("Content-Encoding", "zstd"), body: "{}", status: 415, verdict: rules.Rejected, reason: "zstd"},
	}
}

// TestContract is the table "What a sender gets" of the documentation.
func TestContract(t *testing.T) {
	for _, c := range contract() {
		t.Run(c.name, func(t *testing.T) {
			d := openPublic(t, contractYAML)
			got := d.send(t, c.request(t, d))
			if got.status != c.status || c.want != "" && got.body != c.want {
				t.Errorf("answered %d %s, want %d %s", got.status, got.body, c.status, c.want)
			}
			c.checkAnswer(t, d, got)
			c.checkKept(t, d)
		})
	}
}

func (c contractCase) request(t *testing.T, d *publicDoor) *http.Request {
	method := c.method
	if method == "" {
		method = http.MethodPost
	}
	r := d.request(t, method, c.path, c.body)
	if c.chunked {
		r.ContentLength, r.Body = -1, io.NopCloser(strings.NewReader(c.body))
	}
	for name, value := range c.header {
		r.Header.Set(name, value)
	}
	if c.signed {
		r.Header.Set("X-Hub-Signature-256", githubSignature(theSecret, c.body))
		r.Header.Set("X-GitHub-Event", "push")
		r.Header.Set("X-GitHub-Delivery", "72d3162e")
	}
	return r
}

func (c contractCase) checkAnswer(t *testing.T, d *publicDoor, got answered) {
	t.Helper()
	if !json.Valid([]byte(got.body)) || got.header.Get("Content-Type") != "application/json" || got.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("not an answer in JSON: %v %s", got.header, got.body)
	}
	if allow := got.header.Get("Allow"); (c.status == 405) != (allow == "POST, PUT") {
		t.Errorf("Allow: %q", allow)
	}
	// 12: the expected signature was in the error text.
	hint := hmacHex(theSecret, c.body)
	for _, where := range []string{got.body, d.log.String(), strings.Join(flat(got.header), "\n")} {
		if strings.Contains(where, hint) || strings.Contains(where, theSecret) {
			t.Errorf("the signature that would do is told: %s", where)
		}
	}
}

func flat(h http.Header) (list []string) {
	for name, values := range h {
		list = append(list, name+": "+strings.Join(values, ", "))
	}
	return list
}

func (c contractCase) checkKept(t *testing.T, d *publicDoor) {
	t.Helper()
	recorded, accepted, enqueued := d.take()
	if (c.status == 202) != (len(enqueued) > 0) {
		t.Errorf("answered %d, and %d runs are in the queue", c.status, len(enqueued))
	}
	kept := append(recorded, accepted...)
	switch {
	case c.verdict == "" && len(kept) == 0:
		return
	case len(kept) != 1:
		t.Fatalf("%d deliveries are kept", len(kept))
	}
	k := kept[0]
	if k.Verdict != c.verdict || !strings.Contains(k.Reason, c.reason) || c.reason == "" && c.verdict != rules.Rejected && k.Reason != "" {
		t.Errorf("kept as %s, because %q; want %s, %q", k.Verdict, k.Reason, c.verdict, c.reason)
	}
	if k.Hook != c.path || k.Path != c.path || k.RemoteIP != "127.0.0.1" {
		t.Errorf("kept as %+v", k)
	}
	if c.signed && c.status < 400 && (k.Event != "push" || k.EventID != "72d3162e" || string(k.Body) != c.body || k.Size != int64(len(c.body)) || len(k.Decisions) != 2) {
		t.Errorf("kept as %+v", k)
	}
	if c.status == 401 && (k.Event != "" || k.EventID != "") {
		t.Errorf("what nobody vouches for is kept as the event: %+v", k)
	}
}

func TestStoreFailure(t *testing.T) {
	d := openPublic(t, contractYAML)
	d.fail = errDisk
	got := d.send(t, d.request(t, "POST", "/open", `{}`))
	if got.status != 503 || got.header.Get("Retry-After") != "5" || got.body != `{"error":"cannot be stored now"}` {
		t.Errorf("answered %+v", got)
	}
	if _, _, enqueued := d.take(); len(enqueued) > 0 {
		t.Error("a run that is not stored is in the queue")
	}
	if log := d.log.String(); !strings.Contains(log, errDisk.Error()) || !strings.Contains(log, "level=ERROR") {
		t.Errorf("the operator is not told: %s", log)
	}
}

func TestStopping(t *testing.T) {
	d := openPublic(t, contractYAML)
	d.intake.Stop()
	for _, path := range []string{"/open", "/nothing"} {
		got := d.send(t, d.request(t, "POST", path, `{}`))
		if got.status != 503 || got.header.Get("Retry-After") != "5" || got.body != `{"error":"stopping"}` {
			t.Errorf("answered %+v", got)
		}
	}
	if recorded, accepted, enqueued := d.take(); len(recorded)+len(accepted)+len(enqueued) > 0 {
		t.Error("something is kept of a request that is to be sent again")
	}
}

func TestNotUsedYet(t *testing.T) {
	log, _ := newLog()
	fake := newFakeIntake(t)
	d := &publicDoor{fakeIntake: fake, intake: NewIntake(fake, fake, log)}
	w := newRecorder()
	d.intake.ServeHTTP(w, newServerRequest("POST", "/open", "{}"))
	if w.Code != 404 {
		t.Errorf("answered %d", w.Code)
	}
}
