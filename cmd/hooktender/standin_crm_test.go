package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// The commands of scripts for services that stand in for real ones:
//
//	service NAME         starts one; its host and port are in $NAME, in capitals
//	took NAME PATTERN    waits for what it takes next, which must match; (?P<VAR>…) sets $VAR
//	took -past NAME PATTERN   likewise, past what does not match
//	took NAME            it has taken nothing more
//
// Each refuses what the documents of the real one say that it refuses.

// A said is what a service answers.
type said struct {
	status int
	body   string
	after  string // Retry-After
}

// A standIn is a service. What it has taken is JSON, in order.
type standIn struct {
	took chan string
}

const standInToken = "standin-t0ken"

var services = map[string]func() func(*http.Request, []byte) said{
	"hubspot": hubspot, "teams": teams, "ntfy": ntfy, "matrix": matrix, "gitea": gitea,
}

var standIns sync.Map // *testscript.TestScript + name → *standIn

func scriptService(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 || services[args[0]] == nil {
		ts.Fatalf("usage: service NAME")
	}
	s, check, mu := &standIn{took: make(chan string, 1000)}, services[args[0]](), sync.Mutex{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		answer := said{status: http.StatusUnsupportedMediaType, body: "not JSON"}
		if err == nil && strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") && json.Valid(body) {
			answer = check(r, body)
		}
		if answer.status/100 == 2 {
			s.took <- oneLineJSON(body)
		}
		if answer.after != "" {
			w.Header().Set("Retry-After", answer.after)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(answer.status)
		_, _ = io.WriteString(w, answer.body)
	}))
	ts.Defer(server.Close)
	standIns.Store(fmt.Sprintf("%p %s", ts, args[0]), s)
	ts.Setenv(strings.ToUpper(args[0]), strings.TrimPrefix(server.URL, "http://"))
}

// oneLineJSON spells a document so that a pattern can be written for it.
func oneLineJSON(body []byte) string {
	var document any
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if json.Unmarshal(body, &document) != nil || encoder.Encode(document) != nil {
		return string(body)
	}
	return strings.TrimSpace(line.String())
}

func scriptTook(ts *testscript.TestScript, neg bool, args []string) {
	past := len(args) > 0 && args[0] == "-past"
	if past {
		args = args[1:]
	}
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: took [-past] NAME [PATTERN]")
	}
	found, ok := standIns.Load(fmt.Sprintf("%p %s", ts, args[0]))
	if !ok {
		ts.Fatalf("no service %s was started", args[0])
	}
	s := found.(*standIn)
	if len(args) == 1 {
		select {
		case more := <-s.took:
			ts.Fatalf("%s took more: %s", args[0], more)
		default:
			return
		}
	}
	pattern, err := regexp.Compile(args[1])
	ts.Check(err)
	for deadline := time.After(patience); ; {
		select {
		case message := <-s.took:
			ts.Logf("%s", message)
			m := pattern.FindStringSubmatch(message)
			if m == nil && !past {
				ts.Fatalf("%s took what does not match %q", args[0], pattern)
			}
			for i := range m {
				if name := pattern.SubexpNames()[i]; name != "" {
					ts.Setenv(name, m[i])
				}
			}
			if m != nil {
				return
			}
		case <-deadline:
			ts.Fatalf("%s took nothing that matches %q in %v", args[0], pattern, patience)
		}
	}
}

// strictly reads a document whose fields a service knows all.
func strictly[T any](body []byte) (v T, err error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	return v, decoder.Decode(&v)
}

// hubspot makes contacts, once it is no longer overloaded:
// https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/guide and
// https://developers.hubspot.com/docs/api-reference/error-handling
func hubspot() func(*http.Request, []byte) said {
	type contact struct {
		Properties   map[string]string
		Associations []any
	}
	properties := []string{"email", "firstname", "lastname", "phone", "company", "website", "city", "zip", "country", "lifecyclestage"}
	stages := []string{"", "subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer", "evangelist", "other"}
	asked, known := 0, map[string]int{}
	no := func(status int, category, format string, args ...any) said {
		return said{status: status, body: fmt.Sprintf(`{"status":"error","message":%q,"category":%q}`, fmt.Sprintf(format, args...), category)}
	}
	return func(r *http.Request, body []byte) said {
		if asked++; asked == 1 {
			return said{status: 503, after: "1"}
		}
		if asked == 2 {
			answer := no(429, "RATE_LIMITS", "You have reached your secondly limit.")
			answer.after = "1"
			return answer
		}
		c, err := strictly[contact](body)
		switch {
		case r.Method != http.MethodPost || r.URL.Path != "/crm/v3/objects/contacts" || r.URL.RawQuery != "":
			return no(404, "OBJECT_NOT_FOUND", "no such resource")
		case r.Header.Get("Authorization") != "Bearer "+standInToken:
			return no(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.")
		case err != nil:
			return no(400, "VALIDATION_ERROR", "Invalid input JSON: %v", err)
		}
		for name := range c.Properties {
			if !slices.Contains(properties, name) {
				return no(400, "VALIDATION_ERROR", "Property %q does not exist", name)
			}
		}
		email := strings.ToLower(c.Properties["email"])
		if _, err := mail.ParseAddress(email); err != nil || !slices.Contains(stages, c.Properties["lifecyclestage"]) {
			return no(400, "VALIDATION_ERROR", "Property values were not valid")
		}
		if id := known[email]; id != 0 {
			return no(409, "CONFLICT", "Contact already exists. Existing ID: %d", id)
		}
		known[email] = 100 + asked
		return said{status: 201, body: fmt.Sprintf(`{"id":"%d","archived":false}`, known[email])}
	}
}

// teams is a workflow that posts a card: https://learn.microsoft.com/en-us/connectors/teams/
func teams() func(*http.Request, []byte) said {
	type message struct {
		Type        string
		Attachments []struct {
			ContentType string
			ContentURL  *string
			Content     struct {
				Type, Version string
				Body          []struct{ Type string }
			}
		}
	}
	return func(r *http.Request, body []byte) said {
		var m message
		err := json.Unmarshal(body, &m)
		switch {
		case r.Method != http.MethodPost || r.URL.Query().Get("sig") != standInToken:
			return said{status: 401, body: `{"error":{"code":"DirectApiAuthorizationRequired"}}`}
		case err != nil || m.Type != "message" || len(m.Attachments) != 1 || len(body) > 21_000:
			return said{status: 400, body: `{"error":{"code":"TriggerInputSchemaMismatch"}}`}
		}
		a := m.Attachments[0]
		if a.ContentType != "application/vnd.microsoft.card.adaptive" || a.Content.Type != "AdaptiveCard" || a.Content.Version > "1.4" || len(a.Content.Body) == 0 {
			return said{status: 400, body: `{"error":{"code":"BadRequest"}}`}
		}
		return said{status: 202}
	}
}

// ntfy is https://docs.ntfy.sh/publish/#publish-as-json
func ntfy() func(*http.Request, []byte) said {
	type post struct {
		Topic, Title, Message, Click string
		Priority                     int
		Tags                         []string
	}
	return func(r *http.Request, body []byte) said {
		p, err := strictly[post](body)
		switch {
		case r.Method != http.MethodPost || r.URL.Path != "/":
			return said{status: 404, body: `{"code":40401,"http":404,"error":"page not found"}`}
		case r.Header.Get("Authorization") != "Bearer "+standInToken:
			return said{status: 403, body: `{"code":40301,"http":403,"error":"forbidden"}`}
		case err != nil || p.Topic == "" || p.Message == "" || len(p.Message) > 4096 || p.Priority < 1 || p.Priority > 5:
			return said{status: 400, body: `{"code":40024,"http":400,"error":"invalid request: request body must be valid JSON"}`}
		}
		return said{status: 200, body: `{"id":"x"}`}
	}
}

// matrix is a homeserver with one room: https://spec.matrix.org/latest/client-server-api/
func matrix() func(*http.Request, []byte) said {
	address := regexp.MustCompile(`^/_matrix/client/v3/rooms/(!ops:example\.org)/send/m\.room\.message/[^/]+$`)
	return func(r *http.Request, body []byte) said {
		var event struct{ MsgType, Body string }
		err := json.Unmarshal(body, &event)
		switch {
		case r.Method != http.MethodPut || !address.MatchString(r.URL.Path):
			return said{status: 404, body: `{"errcode":"M_UNRECOGNIZED","error":"Unrecognized request"}`}
		case r.Header.Get("Authorization") != "Bearer "+standInToken:
			return said{status: 401, body: `{"errcode":"M_UNKNOWN_TOKEN","error":"Invalid access token passed."}`}
		case err != nil || event.MsgType != "m.text" || event.Body == "":
			return said{status: 400, body: `{"errcode":"M_BAD_JSON","error":"not a message"}`}
		}
		return said{status: 200, body: `{"event_id":"$1"}`}
	}
}

// gitea knows the commit of its recorded push: https://docs.gitea.com/api/ (repoCreateStatus)
func gitea() func(*http.Request, []byte) said {
	const path = "/api/v1/repos/example/example/statuses/67b56589a45103f891bdee7c0546e5d40bc02001"
	type status struct {
		State, Context, Description string
		TargetURL                   string `json:"target_url"`
	}
	return func(r *http.Request, body []byte) said {
		s, err := strictly[status](body)
		switch {
		case r.Header.Get("Authorization") != "token "+standInToken:
			return said{status: 401, body: `{"message":"token is required"}`}
		case r.Method != http.MethodPost || r.URL.Path != path:
			return said{status: 404, body: `{"message":"not found"}`}
		case err != nil || !slices.Contains([]string{"pending", "success", "error", "failure", "warning"}, s.State):
			return said{status: 422, body: `{"message":"invalid state"}`}
		}
		return said{status: 201, body: `{"id":1}`}
	}
}
