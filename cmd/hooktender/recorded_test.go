package main

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/rules/verify"
)

// eachRecorded hands every recorded delivery to a test, twice made up for sending.
func eachRecorded(t *testing.T, test func(t *testing.T, scheme verify.Scheme, name string, first, second *verify.Request)) {
	for provider, r := range recordings() {
		scheme, known := verify.Preset(provider)
		if !known {
			t.Errorf("payloads/%s is of no preset", provider)
			continue
		}
		for _, name := range r.names() {
			t.Run(provider+"/"+name, func(t *testing.T) {
				key := newKeyPair(t, keyKind(scheme))
				var sent [2]*verify.Request
				for i := range sent {
					o := sendOptions{to: publicURL + "/" + provider, secret: key.private}
					out, err := o.outgoing(&cobra.Command{}, provider, name)
					if err != nil {
						t.Fatal(err)
					}
					req, err := out.request(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					sent[i] = &verify.Request{Method: http.MethodPost, Header: req.Header, RawQuery: req.URL.RawQuery, Body: out.body}
				}
				test(t, scheme, name, sent[0], sent[1])
			})
		}
	}
}

func TestRecordedBodies(t *testing.T) {
	mail := regexp.MustCompile(`[\w.+-]+(?:@|%40)((?:[\w-]+\.)+[a-z]{2,})`)
	eachRecorded(t, func(t *testing.T, _ verify.Scheme, _ string, sent, _ *verify.Request) {
		switch contentType := sent.Header.Get("Content-Type"); contentType {
		case typeJSON:
			if !json.Valid(sent.Body) {
				t.Error("is no JSON")
			}
		case typeForm:
			if _, err := url.ParseQuery(string(sent.Body)); err != nil {
				t.Error(err)
			}
		default:
			t.Errorf("Content-Type is %q", contentType)
		}
		for _, m := range mail.FindAllSubmatch(sent.Body, -1) {
			host := string(m[1])
			if host != "example.com" && !strings.HasSuffix(host, ".example.com") && !strings.Contains(host, "github.com") {
				t.Errorf("holds the address %s; use one at example.com", m[0])
			}
		}
	})
}

// What lies in payloads/ is sent, and its source is named.
func TestRecordedAreNamed(t *testing.T) {
	readme, err := payloads.ReadFile("payloads/README.md")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := payloads.ReadDir("payloads")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		if r := recordedOf(e.Name()); r.files[r.Default] == "" {
			t.Errorf("payloads/providers.json has no default for %s", e.Name())
		}
		if !strings.Contains(string(readme), "`"+e.Name()+"`") {
			t.Errorf("payloads/README.md does not say where %s is from", e.Name())
		}
	}
	for provider, r := range recordings() {
		for name := range r.Events {
			if r.files[name] == "" {
				t.Errorf("payloads/providers.json names the event of %s/%s, which is not there", provider, name)
			}
		}
	}
}

// Each delivery has the event that a rule would ask for, and an id of its own.
func TestRecordedEventsAndIDs(t *testing.T) {
	events := map[string][]string{ // those that are not spelt like the delivery
		"Push Hook": {"push"}, "Tag Push Hook": {"tag_push"}, "Merge Request Hook": {"merge_request"}, "Pipeline Hook": {"pipeline"},
		"push": {"push-tag"}, "repo:push": {"repo_push"}, "pullrequest:created": {"pullrequest_created"}, "pullrequest:fulfilled": {"pullrequest_fulfilled"},
		"orders/create": {"orders_create"}, "app/uninstalled": {"app_uninstalled"},
		"page": {"feed", "messages"}, "whatsapp_business_account": {"messages", "statuses"}, "instagram": {"comments", "messages"},
		"2":       {"command"},                                                              // of Discord
		"/deploy": {"command"},                                                              // of Slack
		"":        {"message", "message_status", "call", "delivered", "firing", "resolved"}, // who names no events
	}
	unnamed := []string{"subscribe", "unsubscribe", "profile", "feed", "messages", "statuses", "comments",
		"follow", "APPLICATION_AUTHORIZED"} // that have no id either
	eachRecorded(t, func(t *testing.T, scheme verify.Scheme, name string, first, second *verify.Request) {
		signer, err := scheme.Compile([]verify.Secret{verify.Secret(newKeyPair(t, keyKind(scheme)).private)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		event, id := signer.Identify(first)
		if event != name && !slices.Contains(events[event], name) {
			t.Errorf("the event is %q", event)
		}
		_, other := signer.Identify(second)
		switch {
		case id == other && id != "":
			t.Errorf("the id %q is sent twice", id)
		case id == "" && len(scheme.ID) > 0 && !slices.Contains(unnamed, name):
			t.Error("has no id")
		}
	})
}

// What is judged of a provider's payloads must let its own deliveries be.
func TestSamplesAreKnown(t *testing.T) {
	var judged []string
	for _, provider := range slices.Sorted(maps.Keys(recordings())) {
		known, err := samplesOf(provider)
		if err != nil {
			t.Fatal(err)
		}
		if len(known) > 0 {
			judged = append(judged, provider)
		}
	}
	if want := []string{"alertmanager", "github", "github-sha1", "gitlab", "gitlab-signed"}; !slices.Equal(judged, want) {
		t.Errorf("judged are %v, want %v", judged, want)
	}
	for _, tt := range []struct {
		verify, when string
		want         string // "": no warning
	}{
		{"gitlab", `request.event == "Push Hook" && user_usernmae == "ada"`, "did you mean user_username"},
		{"gitlab", `request.event == "Push hook" && true != checkout_sha`, `did you mean "Push Hook"`},
		{"gitlab", `request.event == "Push Hook" && project.id == "15"`, "is a number"},
		{"gitlab", `request.event == "Push Hook" && ref_protected && project.new_field == 1`, ""},
		{"gitlab", `request.event == "Merge Request Hook" && object_attributes.new_field == 1 && object_attributes.action == "merge"`, ""},
		{"gitlab", `request.event == "Issue Hook" && whatever.there.is == 1`, ""},
		{"gitlab", `object_kind == "issue" && whatever == 1`, ""},
		{"gitlab-signed", `request.event == "Pipeline Hook" && object_attributes.status == "success" && builds[0].stage == "test"`, ""},
		{"alertmanager", `status == "firing" && commonLabels.cluster == "eu" && any(alerts, .labels.severity == "critical")`, ""},
		{"alertmanager", `staus == "firing"`, "did you mean status"},
		{"stripe", `request.event == "charge.failed" && data.object.whatever == "1"`, ""},
		{"gitea", `request.event == "fork" && forkee.id == 1`, ""},
		{"zalo", `request.event == "user_send_texts" && whatever == 1`, ""},
	} {
		t.Run(tt.verify+" "+tt.when, func(t *testing.T) {
			secret := shared
			if tt.verify == "gitlab-signed" {
				secret = "whsec_" + shared
			}
			config := writeConfig(t, "hooks:\n  /x:\n    verify: {"+tt.verify+": \""+secret+"\"}\n    rules:\n      - {name: a, run: \"true\", when: '"+tt.when+"'}\n")
			report, err := rules.Check(config, samplesOf, true)
			if err != nil {
				t.Fatal(err)
			}
			var told []string
			for _, p := range report.Problems {
				if !strings.Contains(p.What, "written out") && !strings.Contains(p.What, "secret") {
					told = append(told, p.What)
				}
			}
			text := strings.Join(told, "\n")
			if tt.want == "" && text != "" || !strings.Contains(text, tt.want) {
				t.Errorf("check says %q, want %q", text, tt.want)
			}
		})
	}
}
