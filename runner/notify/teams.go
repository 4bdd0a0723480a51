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

// teamsBytes is what the document may have. Teams says 28 KB for what it makes
// of it (https://learn.microsoft.com/en-us/connectors/teams/, "Message size
// limit"), and is known to refuse at 21.
const teamsBytes = 20_000

// A teamsPart is an element of an adaptive card:
// https://adaptivecards.io/explorer
type teamsPart map[string]any

// teams hands a card to a workflow that posts it: the template "Post to a channel
// when a webhook request is received"
// (https://support.microsoft.com/office/8ae491c7-0394-4861-ba59-055e33f75498).
func (s *sending) teams(ctx context.Context, c *rules.Teams) error {
	address, err := s.secret(c.URL)
	if err != nil {
		return err
	}
	return s.post(ctx, &request{service: "Teams", url: address, body: teamsBody(s.message), read: readTeams})
}

// teamsBody is the document with as much of the log as it may have.
func teamsBody(m *message) string {
	for log := 8000; ; log /= 2 {
		body := inJSON(teamsCard(m, log))
		if len(body) <= teamsBytes || log == 0 {
			return body
		}
	}
}

func teamsCard(m *message, log int) any {
	body := []teamsPart{teamsLine(teamsRun(head(m.title, 250, runes), "size", "Large", "weight", "Bolder", "color", teamsColors[m.mood]))}
	body = append(body, teamsLines(head(m.text, maxText, jsonBytes))...)
	for _, f := range m.facts {
		value := teamsRun(head(f.value, maxFact, runes))
		if f.url != "" {
			value["selectAction"] = teamsPart{"type": "Action.OpenUrl", "url": f.url}
		}
		line := teamsLine(teamsRun(f.name+"  ", "isSubtle", true), value)
		line["spacing"] = "None"
		body = append(body, line)
	}
	body = append(body, teamsLines(tail(m.log, log, jsonBytes), "fontType", "Monospace", "size", "Small")...)
	card := teamsPart{
		"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
		"fallbackText": head(m.title, 250, runes), "body": body, "msteams": teamsPart{"width": "Full"},
	}
	if m.link != "" {
		card["actions"] = []teamsPart{{"type": "Action.OpenUrl", "title": "Run " + strconv.FormatInt(m.run, 10), "url": m.link}}
	}
	return teamsPart{"type": "message", "attachments": []teamsPart{{
		"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": nil, "content": card,
	}}}
}

var teamsColors = map[mood]string{info: "Default", good: "Good", bad: "Attention", waiting: "Warning"}

// teamsRun is a text that is shown as it is. A TextBlock would read Markdown in
// it, a TextRun does not:
// https://learn.microsoft.com/en-us/adaptive-cards/schema-explorer/text-run
func teamsRun(text string, style ...any) teamsPart {
	run := teamsPart{"type": "TextRun", "text": text}
	for i := 0; i+1 < len(style); i += 2 {
		run[style[i].(string)] = style[i+1]
	}
	return run
}

func teamsLine(runs ...teamsPart) teamsPart {
	return teamsPart{"type": "RichTextBlock", "inlines": runs}
}

// teamsLines is a text of several lines. Not every Teams breaks a line inside of
// a run, so each is a block; and none may be empty, or lose what it begins with.
func teamsLines(text string, style ...any) []teamsPart {
	if text == "" {
		return nil
	}
	const solid = "\u00a0"
	var lines []teamsPart
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.ReplaceAll(line, "\t", "    ")
		trimmed := strings.TrimLeft(line, " ")
		part := teamsLine(teamsRun(strings.Repeat(solid, max(len(line)-len(trimmed), 1-len(line)))+trimmed, style...))
		if len(lines) > 0 {
			part["spacing"] = "None"
		}
		lines = append(lines, part)
	}
	return lines
}

// readTeams reads the error of the service that runs workflows.
func readTeams(a *outbound.Answer, r *reply) {
	var said struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if r.ok {
		return
	}
	if json.Unmarshal(a.Body, &said) == nil {
		r.said = strings.TrimSpace(said.Error.Code + " " + said.Error.Message)
	}
	switch a.Status {
	case http.StatusNotFound, http.StatusUnauthorized, http.StatusForbidden, http.StatusGone, http.StatusBadRequest:
		r.todo = "the workflow was deleted or switched off in Teams, or its URL is not whole: look at it in the Workflows app, and put its URL into PLACE"
	}
}
