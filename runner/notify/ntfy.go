package notify

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/hooktender/hooktender/outbound"
	"github.com/hooktender/hooktender/rules"
)

// ntfyMessage is how many bytes a message may have before it becomes a file that
// is attached: https://docs.ntfy.sh/publish/#limitations. The whole JSON document
// may have twice as many, so they are counted as they stand in it.
const ntfyMessage = 4096

type ntfyPost struct {
	Topic    string   `json:"topic"`
	Title    string   `json:"title"`
	Message  string   `json:"message"`
	Priority int      `json:"priority"`
	Tags     []string `json:"tags,omitempty"`
	Click    string   `json:"click,omitempty"`
}

// ntfy publishes to a topic, as JSON, so that no text has to be a header:
// https://docs.ntfy.sh/publish/#publish-as-json
func (s *sending) ntfy(ctx context.Context, c *rules.Ntfy) error {
	topic, err := s.secret(c.Topic)
	if err != nil {
		return err
	}
	header, err := s.ntfyAuth(c)
	if err != nil {
		return err
	}
	m := s.message
	post := ntfyPost{
		Topic: topic, Title: head(m.title, 200, runes), Message: shortText(m, ntfyMessage-100, jsonBytes),
		Priority: c.Priority, Tags: c.Tags, Click: m.link,
	}
	const usual, high = 3, 4 // https://docs.ntfy.sh/publish/#message-priority
	if post.Priority == 0 && m.urgent() {
		post.Priority = high
	} else if post.Priority == 0 {
		post.Priority = usual
	}
	return s.post(ctx, &request{service: "ntfy", url: c.Server, header: header, body: inJSON(post), read: readNtfy})
}

// ntfyAuth is https://docs.ntfy.sh/publish/#authentication.
func (s *sending) ntfyAuth(c *rules.Ntfy) (http.Header, error) {
	header := http.Header{}
	token, err := s.secret(c.Token)
	if err != nil {
		return nil, err
	}
	password, err := s.secret(c.Password)
	if err != nil {
		return nil, err
	}
	switch {
	case token != "":
		header.Set("Authorization", "Bearer "+token)
	case c.User != "":
		(&http.Request{Header: header}).SetBasicAuth(c.User, password)
		s.secrets = append(s.secrets, rules.Secret(strings.TrimPrefix(header.Get("Authorization"), "Basic ")))
	}
	return header, nil
}

// shortText is the message for a phone: what the rule says, the facts, and as
// much of the end of the log as fits.
func shortText(m *message, limit int, of measure) string {
	var parts []string
	if m.text != "" {
		parts = append(parts, head(m.text, min(maxText, limit/2), of))
	}
	text := head(strings.Join(append(parts, factLines(m.facts)), "\n\n"), limit*3/4, of)
	if room := limit - of(text) - of("\n\n"); m.log != "" && room > 100 {
		text += "\n\n" + tail(m.log, room, of)
	}
	return text
}

// readNtfy reads an error: https://docs.ntfy.sh/publish/#limitations
func readNtfy(a *outbound.Answer, r *reply) {
	var said struct {
		Error string `json:"error"`
	}
	if err := json.Unmarshal(a.Body, &said); r.ok || err != nil {
		return
	}
	r.said = said.Error
	switch a.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		r.todo = "the server lets nobody post to the topic without the right token or password; look at PLACE"
	case http.StatusNotFound:
		r.todo = "that is no ntfy server, or there is more in front of it; look at PLACE"
	}
}
