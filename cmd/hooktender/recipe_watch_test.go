package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf16"
)

// A website answers one look after the other as is planned, over TLS.
type website struct {
	*httptest.Server
	looks chan int // how many there were
}

// newWebsite answers with the statuses, and goes on with the last of them.
func newWebsite(t *testing.T, until time.Time, plan ...int) (*website, string) {
	w := &website{looks: make(chan int, 1000)}
	var looks atomic.Int32
	w.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		look := int(looks.Add(1))
		rw.WriteHeader(plan[min(look, len(plan))-1])
		w.looks <- look
	}))
	config, authority := certified(t, until)
	w.TLS = config
	w.StartTLS()
	t.Cleanup(w.Close)
	return w, authority
}

// TestWebsiteToDiscord is examples/website-discord: a website whose certificate is
// good for ten more days goes down and comes back.
func TestWebsiteToDiscord(t *testing.T) {
	t.Parallel()
	const good, bad = http.StatusOK, http.StatusInternalServerError
	plan := []int{good, bad, bad, good, bad, bad, bad, bad, good} // two bad looks are no alarm
	discord := standInDiscord(t)
	site, authority := newWebsite(t, time.Now().Add(10*24*time.Hour+time.Hour), plan...)
	s := stage(t, "website-discord", []string{
		`"https://www.example.com", "https://shop.example.com/health"`, `"` + site.URL + `/?key=s3cret"`,
		"every: 1m", "every: 1s",
	}, "DISCORD_WEBHOOK_URL="+discord.URL+discordPath, "SSL_CERT_FILE="+authority)
	s.readme()

	told := func(rule, want string) {
		t.Helper()
		embed := discord.next().body["embeds"].([]any)[0].(map[string]any)
		if title := strings.ReplaceAll(embed["title"].(string), site.URL+"/", "URL"); !matches(want, title) {
			t.Errorf("%s: told %q, want %s", rule, title, want)
		}
		if facts := fmt.Sprint(embed["fields"]); !strings.Contains(facts, "watch/websites") || !strings.Contains(facts, "value:"+rule) {
			t.Errorf("%s: %s", rule, facts)
		}
	}
	told("certificate", `^🟠 The certificate of URL expires soon, days left: 10$`)
	told("down", `^🔴 URL is down: answered 500 Internal Server Error$`)
	told("up", `^🟢 URL is up again after (\d+m)?\d+s$`)
	for nextOf(t, site.looks) < len(plan)+2 { // all is old news
	}
	s.waitForRuns()
	discord.nothing()
	s.stop()
}

const discordPath = "/api/webhooks/1234567890/aBcDeF-token"

// standInDiscord executes a webhook as
// https://docs.discord.com/developers/resources/webhook#execute-webhook says, with
// the limits of https://docs.discord.com/developers/resources/message#embed-object-embed-limits.
func standInDiscord(t *testing.T) *standInServer {
	return newStandIn(t, http.StatusOK, `{"id":"1","type":0}`, func(r *http.Request, raw []byte) *rejection {
		var post struct {
			Content string
			Embeds  []struct {
				Title, Description, URL, Timestamp string
				Footer                             struct{ Text string }
				Fields                             []struct{ Name, Value string }
			}
			Allowed *struct{ Parse, Users, Roles []string } `json:"allowed_mentions"`
		}
		if err := json.Unmarshal(raw, &post); err != nil {
			return &rejection{400, `{"message": "The request body contains invalid JSON.", "code": 50109}`}
		}
		if r.URL.Path != discordPath || r.URL.Query().Get("wait") != "true" {
			return &rejection{404, `{"message": "Unknown Webhook", "code": 10015}`}
		}
		if post.Allowed == nil || len(post.Allowed.Parse)+len(post.Allowed.Users)+len(post.Allowed.Roles) > 0 || post.Content != "" {
			return &rejection{400, "somebody may be pinged"}
		}
		wrong, sum := len(post.Embeds) != 1, 0
		bounded := func(text string, least, most int) {
			n := len(utf16.Encode([]rune(text)))
			wrong, sum = wrong || n < least || n > most, sum+n
		}
		for _, e := range post.Embeds {
			bounded(e.Title, 1, 256)
			bounded(e.Description, 0, 4096)
			bounded(e.Footer.Text, 0, 2048)
			for _, f := range e.Fields {
				bounded(f.Name, 1, 256)
				bounded(f.Value, 1, 1024)
			}
			_, err := time.Parse(time.RFC3339, e.Timestamp)
			wrong = wrong || err != nil || len(e.Fields) > 25
		}
		if wrong || sum > 6000 {
			return &rejection{400, `{"message": "Invalid Form Body", "code": 50035}`}
		}
		return nil
	})
}
