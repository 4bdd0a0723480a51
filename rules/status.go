package rules

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// A CommitStatus is what is said of a commit at the place where its repository
// is kept.
type CommitStatus struct {
	Service    string   `json:"service"`          // github, gitlab, gitea, bitbucket, bitbucket-server
	API        string   `json:"api,omitempty"`    // base URL; "" for the service's own
	User       string   `json:"user,omitempty"`   // whose password Token is; "" for a token
	Token      Text     `json:"token"`            // what proves that we may
	Repository string   `json:"repository"`       // with its owner
	Commit     string   `json:"commit"`           // its id
	Branch     string   `json:"branch,omitempty"` // that it was pushed to, if the event says
	Page       string   `json:"page,omitempty"`   // of the commit, if the event says; http or https
	Context    string   `json:"context"`          // tells statuses of one commit apart
	State      string   `json:"state"`            // pending, success, failure
	Of         *Outcome `json:"of,omitempty"`     // the run that it is about; nil where the rule says the state itself
	Error      string   `json:"error,omitempty"`  // why it cannot be set: the event lacks what it wants; the run fails with it
}

// Services that keep repositories and statuses of their commits.
const (
	ServiceGitHub          = "github"
	ServiceGitLab          = "gitlab"
	ServiceGitea           = "gitea" // and Forgejo
	ServiceBitbucket       = "bitbucket"
	ServiceBitbucketServer = "bitbucket-server" // Bitbucket Data Center
)

// codeHosts are the services by their names in the file.
var codeHosts = []struct {
	name, about string
	own         bool // it stands on somebody's own machine, so its URL has to be said
	users       bool // it knows a user with a password in the place of a token
}{
	{ServiceGitHub, "the token for GitHub; GitHub Enterprise Server has `url: https://HOST/api/v3`", false, false},
	{ServiceGitLab, "the token for GitLab; one's own has `url`", false, false},
	{ServiceGitea, "the token for Gitea or Forgejo, and where that is", true, false},
	{ServiceBitbucket, "the token, or user and password, for Bitbucket Cloud", false, true},
	{ServiceBitbucketServer, "the token, or user and password, for Bitbucket Data Center, and where that is", true, true},
}

// status is the setting, whose texts may hold values.
type status struct {
	at         CommitStatus // Service, API, User, Token
	repository value
	commit     value
	context    value
	state      string // "": not said
}

var commitStatuses = kind[*status]{node.commitStatus, func() *schema { return mappingOf((&status{}).settings()...) }}

func (n node) commitStatus() *status {
	s := &status{}
	n.mapping(s.settings()...)
	if n.Kind == yaml.MappingNode && s.at.Service == "" {
		n.problem("must say where the repository is kept, as in {github: \"${env:TOKEN}\"}")
	}
	return s
}

func (s *status) settings() []setting {
	var all []setting
	for _, host := range codeHosts {
		mapping := func() *schema { return mappingOf(s.hostSettings(host.users, host.own)...) }
		is := mapping
		if !host.own {
			is = func() *schema { return &schema{AnyOf: []*schema{aText("")(), mapping()}, Title: "token, or mapping"} }
		}
		all = append(all, setting{host.name, form{func(n node) { s.readHost(n, host.name, host.own, host.users) }, is}, host.about, ""})
	}
	return append(all,
		setting{"repository", keys.to(&s.repository), "the repository with its owner, as in `octo-org/website`", "what the event says"},
		setting{"commit", keys.to(&s.commit), "the commit's id", "what the event says"},
		setting{"context", keys.to(&s.context), "what tells statuses of one commit apart", "`hooktender/` and the rule's name"},
		setting{"state", statusStates.to(&s.state), "what is said, in a rule that does nothing else", "`success`"},
	)
}

var statusStates = oneOf("pending", "success", "failure")

func (s *status) hostSettings(users, own bool) []setting {
	unset := "the service's own"
	if own {
		unset = mustBe
	}
	settings := []setting{
		{"token", form{func(n node) { s.at.Token = n.tokenReference() }, aText("token")}, "a token that may set statuses", ""},
		{"url", urls.to(&s.at.API), "base URL of the API, or of the server", unset},
	}
	if users {
		settings = append(settings,
			setting{"user", texts.to(&s.at.User), "whose `password` it is, in the place of a token", ""},
			setting{"password", form{func(n node) { s.at.Token = n.tokenReference() }, aText("password")}, "an API token or app password of the user", ""},
		)
	}
	return settings
}

// tokenReference reads a token, which is stored with each run.
func (n node) tokenReference() Text {
	if n.Kind == yaml.SequenceNode {
		n.problem("is a list, but it must be a single token")
		return nil
	}
	n.secret() // tells all that is wrong with it
	return n.secretReference()
}

func (s *status) readHost(n node, name string, own, users bool) {
	if s.at.Service != "" {
		n.problem("%s is named already; a rule sets the status at one place", s.at.Service)
	}
	s.at.Service = name
	if n.Kind != yaml.MappingNode {
		if s.at.Token = n.tokenReference(); own {
			n.problem("must also say where the server is, as in {token: \"${env:TOKEN}\", url: https://git.example.com}")
		}
		return
	}
	had := map[string]bool{}
	for i := 0; i < len(n.Content); i += 2 {
		had[n.Content[i].Value] = true
	}
	n.mapping(s.hostSettings(users, own)...)
	switch {
	case had["token"] && (had["user"] || had["password"]):
		n.problem("has a token and a user; one of them is enough")
	case had["user"] != had["password"]:
		n.problem("a user and a password belong together")
	case !had["token"] && !had["password"]:
		n.problem("has no token; write token: \"${env:TOKEN}\"")
	}
	if own && !had["url"] {
		n.problem("must say where the server is, as in url: https://git.example.com")
	}
}

var (
	repositoryName = regexp.MustCompile(`^[A-Za-z0-9_.~{}-]+(/[A-Za-z0-9_.~{}-]+)+$`)

	errNoCommit     = errors.New("the event names no commit, so there is none to set the status of; let when choose the events that have one, or write commit: \"{{ … }}\"")
	errNoRepository = errors.New("the event names no repository; write repository: \"{{ … }}\"")
)

// of fills in what the event says, as far as that can be had where it returns an
// error. commit is what commitOf found in it, nil if nothing.
func (s *status) of(env environment, rule string, commit *Commit) (*CommitStatus, error) {
	c := s.at
	c.State = cmp.Or(s.state, "success")
	if commit != nil {
		c.Repository, c.Commit, c.Branch, c.Page = commit.Repository, commit.ID, commit.Branch, commit.URL
	}
	for _, said := range []struct {
		name  string
		value value
		at    *string
	}{{"repository", s.repository, &c.Repository}, {"commit", s.commit, &c.Commit}, {"context", s.context, &c.Context}} {
		if said.value == nil {
			continue
		}
		text, err := said.value.text(env)
		if err != nil {
			return &c, fmt.Errorf("status: %s: %w", said.name, err)
		}
		*said.at = text.String()
	}
	if commit != nil && c.Commit != commit.ID {
		c.Branch, c.Page = "", "" // those of another commit
	}
	c.Context = cmp.Or(c.Context, "hooktender/"+rule)
	if err := c.check(); err != nil {
		return &c, fmt.Errorf("status: %w", err)
	}
	return &c, nil
}

// check refuses what would lead a request elsewhere: both become part of a path.
func (c *CommitStatus) check() error {
	switch {
	case c.Commit == "":
		return errNoCommit
	case !isCommit(c.Commit):
		return fmt.Errorf("commit: %q is not a commit's id", brief(c.Commit))
	case c.Repository == "":
		return errNoRepository
	case !repositoryName.MatchString(c.Repository) || slices.ContainsFunc(strings.Split(c.Repository, "/"), func(s string) bool { return s == "." || s == ".." }):
		return fmt.Errorf("repository: %q is not a repository with its owner, as in octo-org/website", brief(c.Repository))
	}
	return nil
}

// fields is what the status reads of the payload.
func (s *status) fields() *fields {
	all := &fields{}
	if s == nil {
		return all
	}
	all.merge(commitFields)
	for _, v := range []value{s.repository, s.commit, s.context} {
		all.merge(v.fields())
	}
	return all
}
