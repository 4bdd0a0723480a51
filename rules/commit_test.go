package rules

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

// commitIn reads of a payload only what commitFields names, as a hook does.
func commitIn(t testing.TB, body []byte) *Commit {
	t.Helper()
	payload, err := readJSON(body, commitFields)
	if err != nil {
		t.Fatal(err)
	}
	return commitOf(payload)
}

func TestCommitOfRecorded(t *testing.T) {
	const ghRepo, ghPage = "Codertocat/Hello-World", "https://github.com/Codertocat/Hello-World"
	for file, want := range map[string]*Commit{
		"github/push": {ID: "6113728f27ae82c7b1a177c8d03f9e96e0adf246", Message: "Initial commit", Author: "Codertocat",
			URL: ghPage + "/commit/6113728f27ae82c7b1a177c8d03f9e96e0adf246", Branch: "master", Repository: ghRepo},
		"github/push-tag": {ID: "6113728f27ae82c7b1a177c8d03f9e96e0adf246", Message: "Adding a .gitignore file", Author: "Codertocat",
			URL: ghPage + "/commit/6113728f27ae82c7b1a177c8d03f9e96e0adf246", Repository: ghRepo},
		"github/pull_request": {ID: "ec26c3e57ca3a959ca5aad62de7213c562f8c821", Message: "Update the README with new information.", Author: "Codertocat",
			URL: ghPage + "/pull/2", Branch: "changes", Repository: ghRepo},
		"github/workflow_run": {ID: "5779607b49aab1200488439f02372c57b4f75444", Message: "Update milestone-created.yml", Author: "Mona Lisa",
			URL: ghPage + "/commit/5779607b49aab1200488439f02372c57b4f75444", Branch: "main", Repository: ghRepo},
		"github/check_suite": {ID: "ec26c3e57ca3a959ca5aad62de7213c562f8c821", Message: "Update README.md", Author: "Codertocat",
			URL: ghPage + "/commit/ec26c3e57ca3a959ca5aad62de7213c562f8c821", Branch: "changes", Repository: ghRepo},
		"github/deployment_status": {ID: "f95f852bd8fca8fcc58a9a2d6c842781e32a215e", Author: "Codertocat",
			URL: ghPage + "/commit/f95f852bd8fca8fcc58a9a2d6c842781e32a215e", Repository: ghRepo},
		"github/issues": nil, "github/ping": nil, "github/release": nil, "github/repository_dispatch": nil,

		"gitlab/push": {ID: "da1560886d4f094c3e6c9ef40349f7d38b5d27d7", Message: "fixed readme", Author: "GitLab dev user",
			URL: "http://example.com/mike/diaspora/commit/da1560886d4f094c3e6c9ef40349f7d38b5d27d7", Branch: "master", Repository: "mike/diaspora"},
		"gitlab/tag_push": {ID: "82b3d5ae55f7080f1e6022629cdb57bfae7cccc7",
			URL: "http://example.com/jsmith/example/-/commit/82b3d5ae55f7080f1e6022629cdb57bfae7cccc7", Repository: "jsmith/example"},
		"gitlab/merge_request": {ID: "da1560886d4f094c3e6c9ef40349f7d38b5d27d7", Message: "fixed readme", Author: "GitLab dev user",
			URL: "http://example.com/awesome_space/awesome_project/commits/da1560886d4f094c3e6c9ef40349f7d38b5d27d7", Branch: "ms-viewport", Repository: "gitlabhq/gitlab-test"},
		"gitlab/pipeline": {ID: "bcbb5ec396a2c0f828686f14fac9b80b780504f2", Message: "test", Author: "User",
			URL: "http://example.com/gitlab-org/gitlab-test/commit/bcbb5ec396a2c0f828686f14fac9b80b780504f2", Branch: "master", Repository: "gitlab-org/gitlab-test"},

		"gitea/push": {ID: "67b56589a45103f891bdee7c0546e5d40bc02001", Message: "example", Author: "example",
			URL: "https://gitea.example.com/example/example/commit/67b56589a45103f891bdee7c0546e5d40bc02001", Branch: "master", Repository: "example/example"},
		"gitea/pull_request": {ID: "48e773f892a831faa47c0a160d1b7f0cd369ae2a", Message: "update", Author: "example2",
			URL: "https://gitea.example.com/example/example/pulls/2", Branch: "master", Repository: "example/example"},
		"gitea/release": nil,

		"bitbucket/repo_push": {ID: "709d658dc5b6d6afcd46049c2f332ee3f515a67d", Message: "new commit message", Author: "Ada Example",
			URL: "https://bitbucket.org/user_name/repo_name/commits/c4b2b7914156a878aa7c9da452a09fb50c2091f2", Branch: "main", Repository: "team_name/repo_name"},
		"bitbucket/pullrequest_created": {ID: "d3022fc0ca3d", Message: "Title of pull request", Author: "Ada Example",
			URL: "https://api.bitbucket.org/pullrequest_id", Branch: "branch2", Repository: "team_name/repo_name"},

		"stripe/payment_intent.succeeded": nil, "alertmanager/firing": nil, "shopify/orders_create": nil,
	} {
		body, err := os.ReadFile("../cmd/hooktender/payloads/" + file + ".json")
		if err != nil {
			t.Fatal(err)
		}
		checkCommit(t, file, commitIn(t, body), want)
	}
}

func checkCommit(t *testing.T, name string, got, want *Commit) {
	t.Helper()
	g, _ := json.Marshal(got)
	w, _ := json.Marshal(want)
	if string(g) != string(w) {
		t.Errorf("%s:\n got %s\nwant %s", name, g, w)
	}
}

// Shapes of which nothing is recorded, as their providers' pages have them.
func TestCommitOf(t *testing.T) {

	const zero = "0000000000000000000000000000000000000000"
	for name, c := range map[string]struct {
		body string
		want *Commit
	}{
		"data center push": {`{"eventKey":"repo:refs_changed","repository":{"slug":"repository","project":{"key":"PROJECT_1"}},
			"changes":[{"ref":{"id":"refs/heads/gone","type":"BRANCH"},"refId":"refs/heads/gone","toHash":"` + zero + `","type":"DELETE"},
				{"ref":{"id":"refs/heads/master","displayId":"master","type":"BRANCH"},"refId":"refs/heads/master","toHash":"` + sha + `","type":"UPDATE"}],
			"commits":[{"id":"` + sha + `","message":"Fix it","author":{"name":"Ada","emailAddress":"ada@example.com"}}]}`,
			&Commit{ID: sha, Message: "Fix it", Author: "Ada", Branch: "master", Repository: "PROJECT_1/repository"}},
		"data center pull request": {`{"eventKey":"pr:opened","pullRequest":{"title":"a new file","author":{"user":{"displayName":"Administrator"}},
			"fromRef":{"id":"refs/heads/a-branch","displayId":"a-branch","latestCommit":"` + sha + `"},
			"toRef":{"repository":{"slug":"repository","project":{"key":"PROJECT_1"}}},"links":{"self":[{"href":"https://git.example.com/pr/1"}]}}}`,
			&Commit{ID: sha, Message: "a new file", Author: "Administrator", URL: "https://git.example.com/pr/1", Branch: "a-branch", Repository: "PROJECT_1/repository"}},
		"gogs push": {`{"ref":"refs/heads/master","after":"` + sha + `","commits":[{"id":"` + sha + `","message":"one\n","url":"https://gogs.example.com/c","author":{"name":"Ada"}}],"repository":{"full_name":"a/b"}}`,
			&Commit{ID: sha, Message: "one", Author: "Ada", URL: "https://gogs.example.com/c", Branch: "master", Repository: "a/b"}},
		"gitlab tag of its own": {`{"ref":"refs/tags/v1","after":"82b3d5ae55f7080f1e6022629cdb57bfae7cccc7","checkout_sha":"` + sha + `","commits":[],"project":{"path_with_namespace":"a/b"}}`,
			&Commit{ID: sha, Repository: "a/b"}},
		"gitlab job": {`{"object_kind":"build","ref":"main","tag":false,"commit":{"id":2366,"sha":"` + sha + `","message":"test","author_name":"User"},"project":{"path_with_namespace":"a/b"}}`,
			&Commit{ID: sha, Message: "test", Author: "User", Branch: "main", Repository: "a/b"}},
		"a deleted branch":           {`{"ref":"refs/heads/x","after":"` + zero + `","head_commit":null,"commits":[],"repository":{"full_name":"a/b"}}`, nil},
		"a deleted branch of gitlab": {`{"ref":"refs/heads/x","after":"` + zero + `","checkout_sha":null,"commits":[]}`, nil},
		"bitbucket, only deletions":  {`{"push":{"changes":[{"new":null,"old":{"name":"x"}}]}}`, nil},
		"no id but a path":           {`{"head_commit":{"id":"../../../user"}}`, nil},
		"a script for a page":        {`{"head_commit":{"id":"` + sha + `","url":"javascript:alert(1)"}}`, &Commit{ID: sha}},
		"a page with a password":     {`{"head_commit":{"id":"` + sha + `","url":"https://a:b@example.com/"}}`, &Commit{ID: sha}},
		"other types":                {`{"head_commit":{"id":5,"message":[]},"commits":{"a":1},"push":[],"changes":"x"}`, nil},
		"a list":                     {`[1]`, nil},
		"null":                       {`null`, nil},
	} {
		checkCommit(t, name, commitIn(t, []byte(c.body)), c.want)
	}
	long := commitIn(t, []byte(`{"head_commit":{"id":"`+sha+`","message":"`+strings.Repeat("é", maxCommitMessage)+`"}}`))
	if len(long.Message) > maxCommitMessage+len("…") || !utf8.ValidString(long.Message) || !strings.HasSuffix(long.Message, "…") {
		t.Errorf("a long message came to %d bytes", len(long.Message))
	}
}

func FuzzCommitOf(f *testing.F) {
	for _, file := range []string{"github/push", "gitlab/merge_request", "bitbucket/repo_push", "gitea/push"} {
		body, err := os.ReadFile("../cmd/hooktender/payloads/" + file + ".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		payload, err := readJSON(body, commitFields)
		if err != nil {
			return
		}
		c := commitOf(payload)
		if c != nil && (!isCommit(c.ID) || c.URL != "" && webPage(strings.TrimSuffix(c.URL, c.ID)) == "" && webPage(c.URL) == "") {
			t.Errorf("%+v", c)
		}
	})
}
