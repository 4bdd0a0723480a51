package notify

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// standInTeams takes what a workflow can post:
// https://learn.microsoft.com/en-us/connectors/teams/ and the elements of
// https://adaptivecards.io/explorer up to version 1.4.
func standInTeams(t testing.TB) *standIn {
	type run struct {
		Type, Text, FontType, Size, Weight, Color string
		IsSubtle                                  bool
		SelectAction                              *struct{ Type, URL string }
	}
	type body struct {
		Type        string
		Attachments []struct {
			ContentType string
			ContentURL  *string
			Content     struct {
				Schema       string `json:"$schema"`
				Type         string
				Version      string
				FallbackText string
				Body         []struct {
					Type, Spacing string
					Inlines       []run
				}
				Actions []struct{ Type, Title, URL string }
				MSTeams struct{ Width string } `json:"msteams"`
			}
		}
	}
	check := func(r *http.Request, raw []byte) *refusal {
		no := func(status int, code, format string, args ...any) *refusal {
			return &refusal{status, fmt.Sprintf(`{"error": {"code": %q, "message": %q}}`, code, fmt.Sprintf(format, args...))}
		}
		if r.URL.Query().Get("sig") != secretToken {
			return no(401, "DirectApiAuthorizationRequired", "The request must be authenticated only by Shared Access scheme.")
		}
		b, wrong := fields[body](raw)
		switch {
		case wrong != nil:
			return wrong
		case len(raw) > 21_000:
			return no(413, "RequestEntityTooLarge", "%d bytes", len(raw))
		case b.Type != "message" || len(b.Attachments) != 1 || b.Attachments[0].ContentType != "application/vnd.microsoft.card.adaptive":
			return no(400, "TriggerInputSchemaMismatch", "no card")
		}
		card := b.Attachments[0].Content
		if card.Type != "AdaptiveCard" || card.Version > "1.4" || len(card.Body) == 0 || len(card.Actions) > 6 {
			return no(400, "BadRequest", "not a card: %+v", card)
		}
		for _, block := range card.Body {
			if block.Type != "RichTextBlock" || !slices.Contains([]string{"", "None"}, block.Spacing) || len(block.Inlines) == 0 {
				return no(400, "BadRequest", "unknown: %+v", block)
			}
			for _, run := range block.Inlines {
				if run.Type != "TextRun" || run.Text == "" || strings.ContainsAny(run.Text, "\n\x00\x1b") {
					return no(400, "BadRequest", "unknown: %+v", run)
				}
			}
		}
		return nil
	}
	return newStandIn(t, check, func(w http.ResponseWriter) { w.WriteHeader(202) })
}

func TestTeams(t *testing.T) {
	teams := standInTeams(t)
	s := newStage(t, `teams: "`+teams.URL+`/workflows/1/triggers/manual/paths/invoke?sig=${env:TOKEN}"`)
	s.performer.Log = fakeLog{"42/1": "one\n\n  two\n"}
	s.good(t)
	shown := fmt.Sprint(teams.only(t))
	for _, want := range []string{
		"❌ redeploy failed: exit code 2", "text:Hook  ", "text:/github/website", "url:https://github.com/octo-org/website/commit/6113728",
		"text:one", "text:\u00a0 ", "text:\u00a0\u00a0two", "url:https://hooks.internal/runs/42",
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is not in %s", want, shown)
		}
	}
}

// Nothing of a stranger stands where Markdown is read, and nobody is mentioned:
// that would take an entity.
func TestTeamsHostile(t *testing.T) {
	for _, times := range []int{1, 60} {
		teams := standInTeams(t)
		s := newStage(t, `teams: "`+teams.URL+`/?sig=${env:TOKEN}"`)
		s.hostileEverywhere(times)
		s.good(t)
		shown := fmt.Sprint(teams.only(t))
		if strings.Contains(shown, "TextBlock ") || strings.Contains(shown, "entities") {
			t.Errorf("%s", shown)
		}
		if !strings.Contains(shown, "last \ufffd") {
			t.Errorf("the end of the log is not there")
		}
	}
}

func TestTeamsRefuses(t *testing.T) {
	s := newStage(t, `teams: "`+standInTeams(t).URL+`/?sig=x${env:TOKEN}"`)
	if failed := s.refused(t, "Teams answered 401: DirectApiAuthorizationRequired"); !failed.Final || !strings.Contains(failed.Error(), "the workflow was deleted") {
		t.Errorf("%+v", failed)
	}
}
