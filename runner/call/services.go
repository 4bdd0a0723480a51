package call

import (
	"cmp"
	"net/url"
	"regexp"
	"strings"

	"github.com/hooktender/hooktender/outbound"
	"github.com/hooktender/hooktender/rules"
)

// A service is a code host: how it is told the status of a commit.
type service struct {
	scheme  string // of the Authorization header, for a token
	headers map[string]string
	status  func(telling) (url string, body map[string]string)
	// fine tells whether an answer that is no 2xx says that all is as it should be.
	fine func(condition, *outbound.Answer) bool
}

var services = map[string]service{
	// https://docs.github.com/en/rest/commits/statuses#create-a-commit-status
	rules.ServiceGitHub: {scheme: "Bearer", headers: map[string]string{"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}, status: github},
	// https://docs.gitlab.com/api/commits/#set-commit-pipeline-status
	rules.ServiceGitLab: {scheme: "Bearer", status: gitlab, fine: isThere},
	// https://docs.gitea.com/api/ (repoCreateStatus)
	rules.ServiceGitea: {scheme: "token", status: gitea},
	// https://developer.atlassian.com/cloud/bitbucket/rest/api-group-commit-statuses/
	rules.ServiceBitbucket: {scheme: "Bearer", status: bitbucket},
	// https://developer.atlassian.com/server/bitbucket/how-tos/updating-build-status-for-commits/
	rules.ServiceBitbucketServer: {scheme: "Bearer", status: bitbucketServer},
}

func github(t telling) (string, map[string]string) {
	return cmp.Or(t.API, "https://api.github.com") + "/repos/" + path(t.Repository) + "/statuses/" + t.Commit, hubBody(t, 140)
}

func gitea(t telling) (string, map[string]string) {
	return strings.TrimSuffix(t.API, "/api/v1") + "/api/v1/repos/" + path(t.Repository) + "/statuses/" + t.Commit, hubBody(t, 255)
}

// hubBody is what GitHub and those who do as it does are told.
func hubBody(t telling, most int) map[string]string {
	states := map[condition]string{running: "pending", canceled: "error"}
	body := map[string]string{
		"state": cmp.Or(states[t.condition], string(t.condition)), "description": cut(t.description, most), "context": short(t.Context, 255),
	}
	return with(body, "target_url", t.page)
}

func gitlab(t telling) (string, map[string]string) {
	body := map[string]string{"state": gitlabState(t.condition), "name": short(t.Context, 255), "description": cut(t.description, 255)}
	base := strings.TrimSuffix(cmp.Or(t.API, "https://gitlab.com"), "/api/v4")
	return base + "/api/v4/projects/" + url.PathEscape(t.Repository) + "/statuses/" + t.Commit, with(body, "target_url", t.page)
}

func gitlabState(c condition) string {
	if c == failure {
		return "failed"
	}
	return string(c)
}

var transition = regexp.MustCompile(`Cannot transition status via :\w+ from :(\w+)`)

// isThere reads GitLab's refusal to set a state that a commit has, or that lies
// behind it (https://gitlab.com/gitlab-org/gitlab-foss/-/issues/25807).
func isThere(c condition, answer *outbound.Answer) bool {
	m := transition.FindSubmatch(answer.Body)
	if answer.Status != 400 || m == nil {
		return false
	}
	from := string(m[1])
	return from == gitlabState(c) || c == pending && from == gitlabState(running)
}

// bitbucket must be given a page, so without one of ours it is the commit's.
func bitbucket(t telling) (string, map[string]string) {
	states := map[condition]string{pending: "INPROGRESS", running: "INPROGRESS", success: "SUCCESSFUL", failure: "FAILED", canceled: "STOPPED"}
	page := cmp.Or(t.page, t.Page, "https://bitbucket.org/"+path(t.Repository)+"/commits/"+t.Commit)
	base := strings.TrimSuffix(cmp.Or(t.API, "https://api.bitbucket.org"), "/2.0")
	return base + "/2.0/repositories/" + path(t.Repository) + "/commit/" + t.Commit + "/statuses/build",
		with(build(t, states, page), "refname", t.Branch)
}

// bitbucketServer knows no builds that were stopped.
func bitbucketServer(t telling) (string, map[string]string) {
	states := map[condition]string{pending: "INPROGRESS", running: "INPROGRESS", success: "SUCCESSFUL", failure: "FAILED", canceled: "FAILED"}
	project, slug, _ := strings.Cut(t.Repository, "/")
	page := cmp.Or(t.page, t.Page, t.API+"/projects/"+url.PathEscape(project)+"/repos/"+path(slug)+"/commits/"+t.Commit)
	return t.API + "/rest/build-status/1.0/commits/" + t.Commit, build(t, states, page)
}

func build(t telling, states map[condition]string, page string) map[string]string {
	return map[string]string{
		"key": short(t.Context, 40), "name": cut(t.Context, 255), "state": states[t.condition], "description": cut(t.description, 255), "url": page,
	}
}

// with adds a field that is not empty.
func with(body map[string]string, name, value string) map[string]string {
	if value != "" {
		body[name] = value
	}
	return body
}

// path escapes what stands between the slashes.
func path(s string) string {
	parts := strings.Split(s, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "/")
}
