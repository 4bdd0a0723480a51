package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

// TestDeployToSlack is examples/deploy-slack: two pushes that cannot be built, and
// one that can.
func TestDeployToSlack(t *testing.T) {
	slack, github := standInSlack(t), standInGitHub(t)
	origin, website := repositories(t)
	broken := commit(t, origin, "build:\n\t@echo compiling\n\t@echo 'header.css: no such file <!channel>' >&2; exit 3\n")
	s := stage(t, "deploy-slack", []string{
		"/srv/website", website,
		`{github: "${env:GITHUB_TOKEN}"}`, `{github: {token: "${env:GITHUB_TOKEN}", url: "` + github.URL + `"}}`,
	}, "GITHUB_SECRET=s3cret-of-the-hook", "GITHUB_TOKEN="+githubToken, "SLACK_WEBHOOK_URL="+slack.URL+slackPath)

	const push = "hooktender send github push --to http://127.0.0.1:9000/github/website --secret s3cret-of-the-hook --set ref=refs/heads/main " +
		"--set head_commit.author.name='Ada Example' --set head_commit.message='Fix <!channel> & all' --set head_commit.id="
	s.types(push + broken)
	post := slack.next().body
	shown := fmt.Sprint(post["blocks"])
	for _, want := range []string{
		"❌ deploy failed: exit code 2", "Exit code\n2", broken[:7] + "> Fix &lt;!channel&gt; &amp; all (Ada Example)", "Codertocat/Hello-World main",
		"compiling\n", "header.css: no such file &lt;!channel&gt;\n", // of two streams, so in any order
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is not in %s", want, shown)
		}
	}
	github.becomes(broken, "failure")
	s.types(push + broken)
	if text := slack.next().body["text"]; text != "❌ deploy failed: exit code 2" {
		t.Errorf("told %q", text)
	}
	github.becomes(broken, "failure")

	fixed := commit(t, origin, "build:\n\t@echo compiling\n")
	s.readme()
	if text := fmt.Sprint(slack.next().body["text"]); !matches(`^🔁 deploy works again after .*s \(2 failures\)$`, text) {
		t.Errorf("told %q", text)
	}
	github.becomes(fixed, "success")
	s.readme() // a success after a success is no news
	s.waitForRuns()
	slack.nothing()
	s.stop()
}

// repositories makes one that is pushed to, and a clone of it.
func repositories(t *testing.T) (origin, clone string) {
	t.Helper()
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	for _, who := range []string{"AUTHOR", "COMMITTER"} {
		t.Setenv("GIT_"+who+"_NAME", "Ada")
		t.Setenv("GIT_"+who+"_EMAIL", "ada@example.com")
	}
	dir := t.TempDir()
	origin, clone = filepath.Join(dir, "origin"), filepath.Join(dir, "website")
	git(t, "init", "--quiet", "--initial-branch=main", origin)
	commit(t, origin, "")
	git(t, "clone", "--quiet", origin, clone)
	return origin, clone
}

// commit puts a Makefile into a repository, and returns the commit's id.
func commit(t *testing.T, repository, makefile string) string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(repository, "Makefile"), []byte(makefile), 0o600); err != nil {
		t.Fatal(err)
	}
	git(t, "-C", repository, "add", "Makefile")
	git(t, "-C", repository, "commit", "--quiet", "--message=another")
	return git(t, "-C", repository, "rev-parse", "HEAD")
}

func git(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("git", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

const githubToken = "github_pat_0123456789abcdef"

// A statusBoard is what GitHub knows of commits.
type statusBoard struct{ *standInServer }

var statusPath = regexp.MustCompile(`^/repos/Codertocat/Hello-World/statuses/([0-9a-f]{40})$`)

// standInGitHub is https://docs.github.com/en/rest/commits/statuses#create-a-commit-status.
func standInGitHub(t *testing.T) statusBoard {
	return statusBoard{newStandIn(t, http.StatusCreated, `{"id": 1}`, func(r *http.Request, raw []byte) *rejection {
		var post struct{ State, Context, Description, TargetURL string }
		switch err := json.Unmarshal(raw, &post); {
		case r.Header.Get("Authorization") != "Bearer "+githubToken:
			return &rejection{401, `{"message": "Bad credentials"}`}
		case !statusPath.MatchString(r.URL.Path):
			return &rejection{404, `{"message": "Not Found"}`}
		case r.Header.Get("Accept") != "application/vnd.github+json" || r.Header.Get("X-GitHub-Api-Version") != "2022-11-28":
			return &rejection{415, `{"message": "Unsupported"}`}
		case err != nil:
			return &rejection{400, `{"message": "Problems parsing JSON"}`}
		case !slices.Contains([]string{"error", "failure", "pending", "success"}, post.State),
			len([]rune(post.Description)) > 140, post.Context != "hooktender/deploy":
			return &rejection{422, `{"message": "Validation Failed"}`}
		}
		return nil
	})}
}

// becomes waits until a commit, perhaps after it was pending, has a state.
func (b statusBoard) becomes(commit, state string) {
	b.t.Helper()
	for {
		post := b.next()
		if got := post.body["state"]; !strings.HasSuffix(post.path, "/"+commit) || got != "pending" && got != state {
			b.t.Fatalf("%s is %v", post.path, post.body)
		} else if got == state {
			return
		}
	}
}

const slackPath = "/services/T00000000/B00000000/aBcDeFgHiJkLmNoPqRsTuVwX"

// standInSlack is an incoming webhook, and what Block Kit takes:
// https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks,
// https://docs.slack.dev/reference/block-kit/blocks.
func standInSlack(t *testing.T) *standInServer {
	type text struct{ Type, Text string }
	return newStandIn(t, http.StatusOK, "ok", func(r *http.Request, raw []byte) *rejection {
		var post struct {
			Text   string
			Blocks []struct {
				Type             string
				Text             text
				Fields, Elements []text
			}
		}
		if r.URL.Path != slackPath {
			return &rejection{404, "no_service"}
		}
		if json.Unmarshal(raw, &post) != nil {
			return &rejection{400, "invalid_payload"}
		}
		if post.Text == "" {
			return &rejection{400, "no_text"}
		}
		wrong := len(post.Blocks) == 0 || len(post.Blocks) > 50
		bounded := func(texts []text, kind string, most int) {
			for _, s := range texts {
				n := len(utf16.Encode([]rune(s.Text)))
				wrong = wrong || n == 0 || n > most || s.Type != "mrkdwn" && s.Type != "plain_text" || kind != "" && s.Type != kind
			}
			wrong = wrong || len(texts) > 10
		}
		for _, b := range post.Blocks {
			switch {
			case b.Type == "header":
				bounded([]text{b.Text}, "plain_text", 150)
			case b.Type == "section" && len(b.Fields) > 0:
				bounded(b.Fields, "", 2000)
			case b.Type == "section":
				bounded([]text{b.Text}, "", 3000)
			case b.Type == "context" && len(b.Elements) > 0:
				bounded(b.Elements, "", 3000)
			default:
				wrong = true
			}
		}
		if wrong || strings.Contains(string(raw), "<!") || strings.Contains(string(raw), `\u003c!`) {
			return &rejection{400, "invalid_blocks"}
		}
		return nil
	})
}
