package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"

	"github.com/hooktender/hooktender/outbound"
	"github.com/hooktender/hooktender/rules"
)

// matrixLog is how much of the log goes into an event, in bytes. It is there
// twice, and an event may have 65,536 bytes in all:
// https://spec.matrix.org/latest/client-server-api/#size-limits
const matrixLog = 6000

type matrixPost struct {
	Type   string `json:"msgtype"`
	Body   string `json:"body"`
	Format string `json:"format"`
	HTML   string `json:"formatted_body"`
	// Nobody, whatever the text says:
	// https://spec.matrix.org/latest/client-server-api/#user-and-room-mentions
	Mentions struct{} `json:"m.mentions"`
}

// matrix sends an event to a room. A homeserver takes an event of the same
// transaction only once, so an attempt whose answer was lost is no second message:
// https://spec.matrix.org/latest/client-server-api/#put_matrixclientv3roomsroomidsendeventtypetxnid
func (s *sending) matrix(ctx context.Context, c *rules.Matrix) error {
	token, err := s.secret(c.Token)
	if err != nil {
		return err
	}
	address := c.Homeserver + "/_matrix/client/v3/rooms/" + url.PathEscape(c.Room) + "/send/m.room.message/" + url.PathEscape(s.message.key)
	// Not m.notice, of which clients tell nobody.
	post := matrixPost{Type: "m.text", Format: "org.matrix.custom.html", Body: matrixText(s.message), HTML: matrixHTML(s.message)}
	return s.post(ctx, &request{
		service: "Matrix", method: http.MethodPut, url: address, body: inJSON(post), read: readMatrix,
		header: http.Header{"Authorization": {"Bearer " + token}},
	})
}

// matrixText is for clients that show no HTML.
func matrixText(m *message) string {
	parts := []string{head(m.title, 300, runes)}
	if m.text != "" {
		parts = append(parts, head(m.text, maxText, runes))
	}
	parts = append(parts, factLines(m.facts))
	if m.log != "" {
		parts = append(parts, tail(m.log, matrixLog, jsonBytes))
	}
	return strings.TrimSpace(strings.Join(append(parts, m.link), "\n\n"))
}

// factLines are the facts, one a line.
func factLines(facts []fact) string {
	var lines []string
	for _, f := range facts {
		lines = append(lines, f.name+": "+head(f.value, maxFact, runes)+prefixed(" ", f.url))
	}
	return strings.Join(lines, "\n")
}

// matrixHTML uses tags that every client knows:
// https://spec.matrix.org/latest/client-server-api/#mroommessage-msgtypes
func matrixHTML(m *message) string {
	var b strings.Builder
	fmt.Fprintf(&b, "<p><strong>%s</strong></p>", html.EscapeString(head(m.title, 300, runes)))
	if m.text != "" {
		fmt.Fprintf(&b, "<p>%s</p>", strings.ReplaceAll(html.EscapeString(head(m.text, maxText, runes)), "\n", "<br>"))
	}
	for _, f := range m.facts {
		value := html.EscapeString(head(f.value, maxFact, runes))
		if f.url != "" {
			value = fmt.Sprintf(`<a href="%s">%s</a>`, html.EscapeString(f.url), value)
		}
		fmt.Fprintf(&b, "%s: %s<br>", f.name, value)
	}
	if m.log != "" {
		escaped := measure(jsonBytes).written(html.EscapeString)
		fmt.Fprintf(&b, "<pre><code>%s\n</code></pre>", html.EscapeString(tail(m.log, matrixLog, escaped)))
	}
	if m.link != "" {
		fmt.Fprintf(&b, `<a href="%s">run %d</a>`, html.EscapeString(m.link), m.run)
	}
	return b.String()
}

// readMatrix reads an error:
// https://spec.matrix.org/latest/client-server-api/#standard-error-response
func readMatrix(a *outbound.Answer, r *reply) {
	var said struct {
		Code    string  `json:"errcode"`
		Error   string  `json:"error"`
		AfterMS float64 `json:"retry_after_ms"`
	}
	if err := json.Unmarshal(a.Body, &said); r.ok || err != nil {
		return
	}
	r.said = strings.TrimSpace(said.Code + " " + said.Error)
	r.rest = max(r.rest, seconds(said.AfterMS/1000))
	switch said.Code {
	case "M_UNKNOWN_TOKEN", "M_MISSING_TOKEN":
		r.todo = "the access token is not valid any more: sign in anew and put the new one into PLACE"
	case "M_FORBIDDEN":
		r.todo = "the account may not write there: invite it to the room and let it join"
	case "M_NOT_FOUND", "M_INVALID_PARAM", "M_INVALID_ROOM_ID":
		r.todo = "look at room in PLACE: it is the id, as in !abc:example.org"
	case "M_UNRECOGNIZED":
		r.todo = "that is no homeserver: write its base URL, which /.well-known/matrix/client names"
	}
}
