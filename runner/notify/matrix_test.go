package notify

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
)

// standInMatrix is a homeserver with one room:
// https://spec.matrix.org/latest/client-server-api/#put_matrixclientv3roomsroomidsendeventtypetxnid
func standInMatrix(t testing.TB) *standIn {
	type body struct {
		MsgType       string
		Body          string
		Format        string
		FormattedBody string          `json:"formatted_body"`
		Mentions      *map[string]any `json:"m.mentions"`
	}
	sent := map[string]bool{}
	check := func(r *http.Request, raw []byte) *refusal {
		no := func(status int, code, text string) *refusal {
			return &refusal{status, fmt.Sprintf(`{"errcode": %q, "error": %q}`, code, text)}
		}
		b, wrong := fields[body](raw)
		room, transaction, found := strings.Cut(strings.TrimPrefix(r.URL.Path, "/_matrix/client/v3/rooms/"), "/send/m.room.message/")
		switch {
		case wrong != nil:
			return wrong
		case r.Method != "PUT" || !found || transaction == "" || strings.Contains(transaction, "/"):
			return no(404, "M_UNRECOGNIZED", "Unrecognized request")
		case r.Header.Get("Authorization") != "Bearer "+secretToken:
			return no(401, "M_UNKNOWN_TOKEN", "Invalid access token passed.")
		case room != "!room:example.org":
			return no(403, "M_FORBIDDEN", "User not in room")
		case len(raw) > 60_000:
			return no(413, "M_TOO_LARGE", "event too large")
		case b.MsgType != "m.text" || b.Body == "" || b.Format != "org.matrix.custom.html" || b.Mentions == nil || len(*b.Mentions) > 0:
			return no(400, "M_BAD_JSON", "not a message")
		case sent[transaction]:
			return &refusal{200, `{"event_id": "$same"}`}
		}
		sent[transaction] = true
		return nil
	}
	return newStandIn(t, check, func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"event_id": "$1"}`) })
}

func matrixStage(t *testing.T, token, room string) (*stage, *standIn) {
	matrix := standInMatrix(t)
	return newStage(t, fmt.Sprintf(`matrix: {homeserver: %q, token: %q, room: %q}`, matrix.URL, token, room)), matrix
}

// An attempt whose answer was lost does not say it twice.
func TestMatrix(t *testing.T) {
	s, matrix := matrixStage(t, "${env:TOKEN}", "!room:example.org")
	s.notification().Message = rules.Plain("a < b\nc")
	s.good(t)
	s.good(t)
	s.run.ID++
	s.good(t)
	if len(matrix.took) != 2 || matrix.asked != 3 {
		t.Errorf("%d messages of %d requests, want 2 of 3", len(matrix.took), matrix.asked)
	}
	post := matrix.took[0]
	if got := post["body"]; !strings.HasPrefix(got.(string), "❌ redeploy failed: exit code 2\n\na < b\nc\n\nHook: /github/website\n") || !strings.HasSuffix(got.(string), "no space\n\nhttps://hooks.internal/runs/42") {
		t.Errorf("%s", got)
	}
	for _, want := range []string{"<p>a &lt; b<br>c</p>", `<a href="https://github.com/octo-org/website/commit/6113728">6113728 Fix the header (Jane)</a>`, "<pre><code>building\nerror: no space\n</code></pre>"} {
		if !strings.Contains(post["formatted_body"].(string), want) {
			t.Errorf("%q is not in %s", want, post["formatted_body"])
		}
	}
}

func TestMatrixHostile(t *testing.T) {
	for _, times := range []int{1, 60} {
		s, matrix := matrixStage(t, "${env:TOKEN}", "!room:example.org")
		s.hostileEverywhere(times)
		s.good(t)
		page := matrix.only(t)["formatted_body"].(string)
		for _, tag := range regexp.MustCompile(`<[^>]*>`).FindAllString(page, -1) {
			if !regexp.MustCompile(`^</?(p|strong|br|pre|code|a)>$|^<a href="https://(example\.com|hooks\.internal)/[^"]*">$`).MatchString(tag) {
				t.Errorf("a forged tag: %s", tag)
			}
		}
		if strings.Count(page, "</pre>") != 1 {
			t.Errorf("%s", page)
		}
	}
}

func TestMatrixRefuses(t *testing.T) {
	for _, c := range []struct{ token, room, want string }{
		{"x${env:TOKEN}", "!room:example.org", "Matrix answered 401: M_UNKNOWN_TOKEN Invalid access token passed.; the access token is not valid any more"},
		{"${env:TOKEN}", "!other:example.org", "Matrix answered 403: M_FORBIDDEN User not in room; the account may not write there"},
	} {
		s, _ := matrixStage(t, c.token, c.room)
		if failed := s.refused(t, c.want); !failed.Final {
			t.Errorf("%+v", failed)
		}
	}
	busy := answering(t, 429, nil, `{"errcode": "M_LIMIT_EXCEEDED", "error": "Too Many Requests", "retry_after_ms": 2500}`)
	s := newStage(t, fmt.Sprintf(`matrix: {homeserver: %q, token: "${env:TOKEN}", room: "!r"}`, busy.URL))
	if failed := s.refused(t, "M_LIMIT_EXCEEDED"); failed.Final || failed.After != 2500*time.Millisecond {
		t.Errorf("%+v", failed)
	}
}
