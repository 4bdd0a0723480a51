package server

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// A body that breaks off is not taken for a shorter one, however it is sent.
func TestBodyThatBreaksOff(t *testing.T) {
	for name, body := range map[string]string{
		"with a length": "Content-Length: 100\r\n\r\nhello",
		"in chunks":     "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
		"in a chunk":    "Transfer-Encoding: chunked\r\n\r\n50\r\nhello",
	} {
		t.Run(name, func(t *testing.T) {
			d := openPublic(t, contractYAML)
			c, err := net.Dial("tcp", strings.TrimPrefix(d.server.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			fmt.Fprintf(c, "POST /open HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n%s", body)
			if err := c.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			got, _ := io.ReadAll(c)
			recorded, accepted, _ := d.take()
			if len(accepted) > 0 || len(recorded) != 1 || strings.Contains(string(got), " 202 ") {
				t.Errorf("accepted %d, recorded %d, answered %q", len(accepted), len(recorded), got)
			}
		})
	}
}

// When a request is answered the memory of its body is the next one's, so nothing that
// was made of it may lie there.
func TestNothingKeepsTheMemoryOfABody(t *testing.T) {
	d := openPublic(t, `
defaults: {env: {WHOLE: "{{ payload }}"}}
hooks:
  /open: {verify: none, rules: &rules [{name: deploy, run: [deploy, "{{ ref }}"]}, {name: sends, http: {url: "https://example.com", json: {ref: "{{ ref }}"}}}]}
  /text: {verify: none, rules: [{run: deploy}]}
  /ignores: {verify: none, rules: [{when: ref == "never", run: x}]}
  /known: {verify: none, dedupe: {by: "{{ ref }}"}, rules: *rules}
  /broken: {verify: none, rules: [{when: ref > 1, run: x}]}
  /stripe: {verify: {stripe: `+theSecret+`}, rules: *rules}
`)
	const (
		event = `{"specversion":"1.0","id":"an-id","type":"a-type","source":"a-source","ref":"a\nref","list":["b","c",{"d":"e"}],"escaped":"\t"}`
		file  = "--x\r\nContent-Disposition: form-data; name=ref\r\n\r\na ref\r\n--x--\r\n"
	)
	for _, c := range []struct {
		path, kind, body string
		status           int
	}{
		{"/open", "application/json", event, 202},
		{"/open", "application/cloudevents+json", event, 202},
		{"/open", "application/x-www-form-urlencoded", "ref=a&list=b&list=c", 202},
		{"/open", "application/xml", "<x><ref>text</ref><c d='e'>more</c></x>", 202},
		{"/open", "multipart/form-data; boundary=x", file, 202},
		{"/open", "application/json", gzipped(event), 202},
		{"/open", "application/json", `{"ref":}`, 400},
		{"/text", "text/plain", "some text", 202},
		{"/known", "application/json", event, 202},
		{"/ignores", "application/json", event, 200},
		{"/broken", "application/json", event, 200},
		{"/stripe", "application/json", event, 202},
		{"/stripe", "application/json", strings.Replace(event, "an-id", "forged", 1), 401},
	} {
		r := d.request(t, "POST", c.path, c.body, "Content-Type", c.kind)
		if strings.HasPrefix(c.body, "\x1f\x8b") {
			r.Header.Set("Content-Encoding", "gzip")
		}
		if c.status != 401 {
			now := fmt.Sprint(time.Now().Unix())
			r.Header.Set("Stripe-Signature", "t="+now+",v1="+hmacHex(theSecret, now+"."+c.body))
		}
		if got := d.send(t, r); got.status != c.status {
			t.Errorf("%s, %s: answered %d %s", c.path, c.kind, got.status, got.body)
		}
		recorded, accepted, enqueued := d.take()
		before := keptText(t, recorded, accepted, enqueued)
		for _, body := range d.bodies {
			for i := range body {
				body[i] = '#'
			}
		}
		if after := keptText(t, recorded, accepted, enqueued); after != before {
			t.Errorf("%s, %s: kept was\n%s\nand is\n%s", c.path, c.kind, before, after)
		}
		if len(recorded)+len(accepted) != 1 || len(d.bodies) != 1 || len(d.bodies[0]) == 0 {
			t.Errorf("%s, %s: %d recorded, %d accepted, %d bodies", c.path, c.kind, len(recorded), len(accepted), len(d.bodies))
		}
		d.bodies = nil
	}
}

func keptText(t *testing.T, recorded, accepted []*rules.Delivery, enqueued []*runner.Run) string {
	t.Helper()
	text, err := json.Marshal([]any{recorded, accepted, enqueued})
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range enqueued {
		text = append(text, run.Body...)
	}
	return string(text)
}

// One request after the other has the same memory, and none sees what was in it.
func TestBodiesUseMemoryAgain(t *testing.T) {
	d := openPublic(t, "hooks: {/open: {verify: none, rules: [{when: ref == 1, run: x}]}}")
	for i := range 100 {
		body := `{"n":"` + strings.Repeat(string(rune('a'+i%26)), 1+997*i%3000) + `"}`
		r := d.request(t, "POST", "/open", body)
		if i%2 == 0 {
			r.ContentLength, r.Body = -1, io.NopCloser(strings.NewReader(body))
		}
		d.send(t, r)
		if recorded, _, _ := d.take(); len(recorded) != 1 || string(recorded[0].Body) != body {
			t.Fatalf("request %d: recorded %v, want the body %q", i, recorded, body)
		}
	}
}
