package notify

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/hooktender/hooktender/outbound"
	"github.com/hooktender/hooktender/rules"
)

type gotifyPost struct {
	Title    string         `json:"title"`
	Message  string         `json:"message"`
	Priority int            `json:"priority"`
	Extras   map[string]any `json:"extras"`
}

// gotify pushes a message: https://gotify.net/docs/pushmsg. It is Markdown, and a
// touch on it opens the run's page: https://gotify.net/docs/msgextras
func (s *sending) gotify(ctx context.Context, c *rules.Gotify) error {
	token, err := s.secret(c.Token)
	if err != nil {
		return err
	}
	m := s.message
	const usual, high = 4, 8 // Android makes a sound from 4 on, and pops up from 8 on
	post := gotifyPost{
		Title: head(m.title, 250, runes), Message: markdown(m), Priority: usual,
		Extras: map[string]any{"client::display": map[string]string{"contentType": "text/markdown"}},
	}
	if m.urgent() {
		post.Priority = high
	}
	if c.Priority != nil {
		post.Priority = *c.Priority
	}
	if m.link != "" {
		post.Extras["client::notification"] = map[string]any{"click": map[string]string{"url": m.link}}
	}
	return s.post(ctx, &request{
		service: "Gotify", url: c.URL + "/message", body: inJSON(post), read: readGotify,
		header: http.Header{"X-Gotify-Key": {token}},
	})
}

// markdown writes the message in CommonMark (https://spec.commonmark.org/0.31.2/).
func markdown(m *message) string {
	var parts []string
	if m.text != "" {
		parts = append(parts, markdownLines(escapeMarkdown(head(m.text, maxText, runes))))
	}
	var lines []string
	for _, f := range m.facts {
		value := escapeMarkdown(head(f.value, maxFact, runes))
		if f.url != "" {
			value = "[" + value + "](<" + linkTarget.Replace(f.url) + ">)"
		}
		lines = append(lines, f.name+": "+value)
	}
	parts = append(parts, markdownLines(strings.Join(lines, "\n")))
	if m.log != "" {
		parts = append(parts, fenced(tail(m.log, maxLog, runes)))
	}
	if m.link != "" {
		parts = append(parts, "[run "+strconv.FormatInt(m.run, 10)+"](<"+linkTarget.Replace(m.link)+">)")
	}
	return strings.Join(parts, "\n\n")
}

// readGotify reads an error: https://gotify.net/api-docs
func readGotify(a *outbound.Answer, r *reply) {
	var said struct {
		Error       string `json:"error"`
		Description string `json:"errorDescription"`
	}
	if err := json.Unmarshal(a.Body, &said); err != nil || r.ok {
		return
	}
	r.said = strings.TrimSpace(said.Error + " " + said.Description)
	switch a.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		r.todo = "the token is wrong: it has to be an application's, not a client's (Apps in Gotify); put it into PLACE"
	case http.StatusNotFound:
		r.todo = "there is no Gotify at that address; look at url in PLACE"
	}
}
