package rules

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// A commitShape says where a provider's event has its newest commit: paths with
// dots, and | between those of which the first that is there counts. $change is
// the change that a push lists first, $commit the one of its commits that is the
// newest. A pull request's commit has its title in the place of a message.
type commitShape struct{ id, message, author, url, branch, repository string }

const (
	owned     = "repository.full_name"
	ownedLab  = "project.path_with_namespace"
	ownedHere = "repository.project.key" // of Bitbucket Data Center, with repository.slug
)

var commitShapes = []commitShape{
	// GitHub, Gitea, Forgejo: push (https://docs.github.com/en/webhooks/webhook-events-and-payloads#push).
	{"head_commit.id", "head_commit.message", "head_commit.author.name|head_commit.author.username", "head_commit.url", "ref", owned},
	// pull_request, pull_request_review and their like; Gogs has head_branch in the place of head.ref.
	{"pull_request.head.sha", "pull_request.title", "pull_request.user.login|pull_request.user.username", "pull_request.html_url", "pull_request.head.ref|pull_request.head_branch", owned},
	{"workflow_run.head_sha", "workflow_run.head_commit.message|workflow_run.display_title", "workflow_run.head_commit.author.name", "", "workflow_run.head_branch", owned},
	{"check_suite.head_sha", "check_suite.head_commit.message", "check_suite.head_commit.author.name", "", "check_suite.head_branch", owned},
	{"check_run.head_sha", "", "", "", "check_run.check_suite.head_branch", owned},
	{"deployment.sha", "", "deployment.creator.login", "", "", owned},
	// GitHub's status, GitLab's job.
	{"commit.sha", "commit.commit.message|commit.message", "commit.commit.author.name|commit.author_name", "commit.html_url", "ref", owned + "|" + ownedLab},
	// GitLab: push and tag push (https://docs.gitlab.com/user/project/integrations/webhook_events/), where
	// after may be a tag's own id; merge request; pipeline.
	{"checkout_sha", "$commit.message", "$commit.author.name", "$commit.url", "ref", ownedLab},
	{"object_attributes.last_commit.id", "object_attributes.last_commit.message", "object_attributes.last_commit.author.name", "object_attributes.last_commit.url", "object_attributes.source_branch", ownedLab},
	{"commit.id", "commit.message", "commit.author.name", "commit.url", "object_attributes.ref", ownedLab + "|" + owned},
	// Bitbucket Cloud: repo:push, pullrequest:* (https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/).
	{"$change.new.target.hash", "$change.new.target.message", "$change.new.target.author.user.display_name|$change.new.target.author.raw", "$change.new.target.links.html.href", "$change.new.name", owned},
	{"pullrequest.source.commit.hash", "pullrequest.title", "pullrequest.author.display_name", "pullrequest.links.html.href", "pullrequest.source.branch.name", owned},
	// Bitbucket Data Center: repo:refs_changed, pr:* (https://confluence.atlassian.com/bitbucketserver/event-payload-938025882.html).
	{"$change.toHash", "toCommit.message|$commit.message", "toCommit.author.displayName|toCommit.author.name|$commit.author.name", "", "$change.refId", ownedHere},
	{"pullRequest.fromRef.latestCommit", "pullRequest.title", "pullRequest.author.user.displayName", "$link.href", "pullRequest.fromRef.displayId", "pullRequest.toRef.repository.project.key"},
	// Gogs: push.
	{"after", "$commit.message", "$commit.author.name", "$commit.url", "ref", owned},
}

// slugs are where the rest of a repository's name stands whose project is at the
// key.
var slugs = map[string]string{ownedHere: "repository.slug", "pullRequest.toRef.repository.project.key": "pullRequest.toRef.repository.slug"}

// repositoryPages are the pages of repositories, and what leads from there to
// that of a commit.
var repositoryPages = []struct{ page, commits string }{
	{"repository.html_url", "/commit/"}, {"project.web_url", "/-/commit/"}, {"repository.links.html.href", "/commits/"},
}

// commitRest is what is read beside the shapes: lists, of which all has to be
// there, and whether it is about a tag.
var commitRest = []string{"push.changes", "changes", "commits", "pullRequest.links.self", "tag", "object_attributes.tag"}

// commitFields is what commitOf reads of a payload.
var commitFields = func() *fields {
	all := &fields{}
	add := func(paths string) {
		for path := range strings.SplitSeq(paths, "|") {
			if path != "" && path[0] != '$' {
				all.add(strings.Split(path, "."))
			}
		}
	}
	for _, s := range commitShapes {
		for _, paths := range []string{s.id, s.message, s.author, s.url, s.branch, s.repository, slugs[s.repository]} {
			add(paths)
		}
	}
	for _, p := range repositoryPages {
		add(p.page)
	}
	for _, path := range commitRest {
		add(path)
	}
	return all
}()

// maxCommitMessage is how many bytes of a commit's message are kept with a run.
const maxCommitMessage = 4_000

var (
	commitID  = regexp.MustCompile(`^[0-9a-fA-F]+$`)
	noCommit  = regexp.MustCompile(`^0+$`) // what a deleted branch points to
	rawAuthor = regexp.MustCompile(`^(.*\S)\s*<[^<>]*>$`)
)

// commitOf is the newest commit of a push, or the head of a pull or merge request,
// as GitHub, GitLab, Gitea, Forgejo, Gogs and Bitbucket send them; nil if the
// payload has none.
func commitOf(payload any) *Commit {
	top, ok := payload.(map[string]any)
	if !ok {
		return nil
	}
	p := commitEvent{top, map[string]any{"$change": newestChange(top), "$link": firstOf(dig(top, "pullRequest.links.self"))}}
	for _, s := range commitShapes {
		id := p.text(s.id)
		if !isCommit(id) {
			continue
		}
		p.own["$commit"] = listedCommit(top["commits"], id)
		return p.commit(s, id)
	}
	return nil
}

// isCommit tells an id, which may be short. Its length is no part of the expression,
// which would be compiled to as many copies of itself.
func isCommit(id string) bool {
	return len(id) >= 7 && len(id) <= 64 && commitID.MatchString(id) && !noCommit.MatchString(id)
}

// commitEvent is a payload, with names of our own for elements of its lists.
type commitEvent struct{ top, own map[string]any }

func (p commitEvent) commit(s commitShape, id string) *Commit {
	c := &Commit{ID: id, Message: p.text(s.message), Author: p.text(s.author), URL: p.url(s.url, id), Repository: p.text(s.repository)}
	if c.Message = strings.TrimSpace(c.Message); len(c.Message) > maxCommitMessage {
		c.Message = strings.ToValidUTF8(c.Message[:maxCommitMessage], "") + "…"
	}
	if m := rawAuthor.FindStringSubmatch(c.Author); m != nil {
		c.Author = m[1] // an address is nobody else's business
	}
	if slug := p.text(slugs[s.repository]); slug != "" {
		c.Repository += "/" + slug
	}
	c.Branch = p.branch(s.branch)
	return c
}

// branch leaves out the names of tags.
func (p commitEvent) branch(path string) string {
	ref := p.text(path)
	if strings.HasPrefix(ref, "refs/tags/") || dig(p.own, "$change.new.type") == "tag" || p.top["tag"] == true || dig(p.top, "object_attributes.tag") == true {
		return ""
	}
	return strings.TrimPrefix(ref, "refs/heads/")
}

// url is the page of the commit: where the payload says, or where its repository
// has them.
func (p commitEvent) url(path, id string) string {
	if page := webPage(p.text(path)); page != "" {
		return page
	}
	for _, r := range repositoryPages {
		if page := webPage(p.text(r.page)); page != "" {
			return page + r.commits + id
		}
	}
	return ""
}

// webPage is a URL that a browser may be led to, "" for any other text.
func webPage(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return ""
	}
	return s
}

// text is the first text at one of several paths.
func (p commitEvent) text(paths string) string {
	for path := range strings.SplitSeq(paths, "|") {
		root := p.top
		if strings.HasPrefix(path, "$") {
			root = p.own
		}
		if s, _ := dig(root, path).(string); s != "" {
			return s
		}
	}
	return ""
}

// dig follows a path through objects; nil where it leads nowhere.
func dig(value any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		object, _ := value.(map[string]any)
		value = object[name]
	}
	return value
}

func firstOf(list any) any {
	if elements, _ := list.([]any); len(elements) > 0 {
		return elements[0]
	}
	return nil
}

// newestChange is the first change of a push to Bitbucket that is no deletion.
func newestChange(top map[string]any) any {
	changes, _ := dig(top, "push.changes").([]any)
	if changes == nil {
		changes, _ = top["changes"].([]any)
	}
	i := slices.IndexFunc(changes, func(c any) bool { return dig(c, "new") != nil || dig(c, "toHash") != nil && dig(c, "type") != "DELETE" })
	if i < 0 {
		return nil
	}
	return changes[i]
}

// listedCommit is the commit of that id in a list, nil if it is not there.
func listedCommit(list any, id string) any {
	commits, _ := list.([]any)
	i := slices.IndexFunc(commits, func(c any) bool { return dig(c, "id") == id })
	if i < 0 {
		return nil
	}
	return commits[i]
}
