package rules

import (
	"encoding/json"
	"strings"
	"testing"
)

const sha = "178864a7d521b6f5e720b386b2c2b0ef8563e0dc"

// statusOf is what a status comes to for an event.
func statusOf(t testing.TB, text, body string) (*CommitStatus, Problems, error) {
	t.Helper()
	n := nodeOf(t, text)
	s := commitStatuses.read(n)
	if len(n.d.problems) > 0 {
		return nil, n.d.problems, nil
	}
	r := push(body)
	payload, err := payloadOf(r, reading{content: contentJSON}, s.fields())
	if err != nil {
		t.Fatal(err)
	}
	status, err := s.of(environment{Payload: payload, Request: &requestView{request: r, hook: &Hook{}}}, "deploy", commitOf(payload))
	return status, nil, err
}

func TestStatus(t *testing.T) {
	setSecrets(t)
	const event = `{"ref":"refs/heads/main","head_commit":{"id":"` + sha + `","url":"https://github.com/o/r/commit/x"},"repository":{"full_name":"o/r"},"other":{"id":"6113728f27ae82c7b1a177c8d03f9e96e0adf246","name":"a/b/c"},"n":5}`
	for _, c := range []struct{ text, want string }{
		{`github: "${env:TOKEN}"`,
			`{"service":"github","token":[{"ref":"env:TOKEN"}],"repository":"o/r","commit":"` + sha + `","branch":"main","page":"https://github.com/o/r/commit/x","context":"hooktender/deploy","state":"success"}`},
		{`{github: {token: "${env:TOKEN}", url: "https://ghe.example.com/api/v3/"}, context: "ci/{{ n }}", state: failure}`,
			`{"service":"github","api":"https://ghe.example.com/api/v3","token":[{"ref":"env:TOKEN"}],"repository":"o/r","commit":"` + sha + `","branch":"main","page":"https://github.com/o/r/commit/x","context":"ci/5","state":"failure"}`},
		{`{gitlab: {token: "${env:TOKEN}"}, repository: "{{ other.name }}", commit: "{{ other.id }}"}`,
			`{"service":"gitlab","token":[{"ref":"env:TOKEN"}],"repository":"a/b/c","commit":"6113728f27ae82c7b1a177c8d03f9e96e0adf246","context":"hooktender/deploy","state":"success"}`},
		{`gitea: {token: "${env:TOKEN}", url: "https://git.example.com"}`,
			`{"service":"gitea","api":"https://git.example.com","token":[{"ref":"env:TOKEN"}],"repository":"o/r","commit":"` + sha + `","branch":"main","page":"https://github.com/o/r/commit/x","context":"hooktender/deploy","state":"success"}`},
		{`{bitbucket: {user: ada, password: "${env:TOKEN}"}, state: pending}`,
			`{"service":"bitbucket","user":"ada","token":[{"ref":"env:TOKEN"}],"repository":"o/r","commit":"` + sha + `","branch":"main","page":"https://github.com/o/r/commit/x","context":"hooktender/deploy","state":"pending"}`},
		{`bitbucket-server: {token: "${env:TOKEN}", url: "https://git.example.com"}`,
			`{"service":"bitbucket-server","api":"https://git.example.com","token":[{"ref":"env:TOKEN"}],"repository":"o/r","commit":"` + sha + `","branch":"main","page":"https://github.com/o/r/commit/x","context":"hooktender/deploy","state":"success"}`},
	} {
		status, problems, err := statusOf(t, c.text, event)
		got, _ := json.Marshal(status)
		if problems != nil || err != nil || string(got) != c.want {
			t.Errorf("%s: %v, %v\n got %s\nwant %s", c.text, problems, err, got, c.want)
		}
	}
}

func TestStatusOfAnEventWithout(t *testing.T) {
	setSecrets(t)
	for _, c := range []struct{ text, body, want string }{
		{`github: "${env:TOKEN}"`, `{"action":"opened"}`, "status: the event names no commit"},
		{`{github: "${env:TOKEN}", commit: "{{ nothing }}"}`, `{"head_commit":{"id":"` + sha + `"}}`, "status: the event names no commit"},
		{`github: "${env:TOKEN}"`, `{"head_commit":{"id":"` + sha + `"}}`, "status: the event names no repository"},
		{`{github: "${env:TOKEN}", commit: "{{ c }}"}`, `{"c":"../../../user","repository":{"full_name":"o/r"}}`, "is not a commit's id"},
		{`{github: "${env:TOKEN}", repository: "{{ c }}"}`, `{"c":"../user","head_commit":{"id":"` + sha + `"}}`, "is not a repository"},
		{`{github: "${env:TOKEN}", repository: "{{ c }}"}`, `{"c":"o/r?x","head_commit":{"id":"` + sha + `"}}`, "is not a repository"},
		{`{github: "${env:TOKEN}", repository: "{{ c.d.e }}"}`, `{"c":{"d":"x"},"head_commit":{"id":"` + sha + `"}}`, "status: repository: "},
	} {
		status, problems, err := statusOf(t, c.text, c.body)
		if problems != nil || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s of %s: %+v, %v, %v; want %s", c.text, c.body, status, problems, err, c.want)
		}
	}
}

// Of a rule that runs something and calls somebody, what it runs sets the status,
// and both tell people.
func TestStatusOfOneAction(t *testing.T) {
	setSecrets(t)
	for does, want := range map[string]string{
		`run: make, http: "https://example.com"`: "run: ops status; http: ops",
		`run: make`:                              "run: ops status",
		`http: "https://example.com"`:            "http: ops status",
	} {
		hook := oneHook(t, "notify: {ops: {ntfy: https://ntfy.sh/ops}}\nhooks: {/a: {verify: none, rules: [{"+does+`, notify: ops, status: {github: "${env:TOKEN}"}}]}}`)
		_, actions, err := hook.Evaluate(push(`{"head_commit":{"id":"` + sha + `"},"repository":{"full_name":"o/r"}}`))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range actions {
			line := a.Command.Action() + ":"
			for _, n := range a.Command.Tell {
				if line += " " + n.To; n.Status != nil {
					line += "status"
				}
			}
			got = append(got, line)
		}
		if text := strings.Join(got, "; "); text != want {
			t.Errorf("%s: %s, want %s", does, text, want)
		}
	}
}

func TestStatusMistakes(t *testing.T) {
	setSecrets(t)
	for _, c := range []struct{ text, want string }{
		{`{context: x}`, "must say where the repository is kept"},
		{`github`, "must be a mapping"},
		{`{github: "${env:TOKEN}", gitlab: "${env:TOKEN}"}`, "github is named already"},
		{`github: ""`, "the secret is empty"},
		{`github: written-out`, "is a secret written out"},
		{`github: {url: "https://ghe.example.com"}`, "has no token"},
		{`github: {token: "${env:NOWHERE}"}`, "NOWHERE is not set"},
		{`github: {token: "${env:TOKEN}", url: ghe}`, "is not a URL"},
		{`github: {token: "${env:TOKEN}", user: x}`, `unknown setting "user"`},
		{`gitea: "${env:TOKEN}"`, "must also say where the server is"},
		{`gitea: {token: "${env:TOKEN}"}`, "must say where the server is"},
		{`bitbucket: {user: x}`, "belong together"},
		{`bitbucket: {user: x, password: "${env:TOKEN}", token: "${env:TOKEN}"}`, "one of them is enough"},
		{`{github: "${env:TOKEN}", state: error}`, `"error" is not one of`},
		{`{github: "${env:TOKEN}", context: "${env:TOKEN}"}`, "cannot hold the secret"},
		{`{github: ["${env:TOKEN}"]}`, "is a list"},
	} {
		_, problems, _ := statusOf(t, c.text, `{}`)
		if !strings.Contains(problems.Error(), c.want) || strings.Contains(problems.Error(), secretValue) {
			t.Errorf("%s:\n got %v\nwant %s", c.text, problems, c.want)
		}
	}
}
