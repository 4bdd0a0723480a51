package notify

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// A message is what people are told, before a service's manner is known. All of
// it is plain, clean text: whoever writes it escapes it.
type message struct {
	mood  mood
	title string // one line
	text  string // what the rule says, but for what stands in the title; "" for nothing
	said  string // all that the rule says
	facts []fact
	log   string // the end of the output; "" for none
	link  string // the page of the run; "" where none is known
	run   int64  // the run that it tells of
	when  time.Time
	// key is the same for each attempt at the message, and no other message's.
	key    string
	moment rules.Moment
	commit *rules.Commit // with no address that is not one of the web
}

// A fact is a detail with its name.
type fact struct {
	name, value string
	url         string // where more of it is to be seen; "" for nowhere
	short       bool   // may stand beside others
}

// A mood is what a message means to who reads it.
type mood int

const (
	info    mood = iota
	good         // it works, or again
	bad          // something went wrong
	waiting      // a person has to do something
)

var moods = map[rules.Moment]mood{
	rules.OnSuccess: good, rules.OnRecovery: good, rules.OnFailure: bad, rules.OnTimeout: bad, rules.OnApproval: waiting,
}

// urgent tells whether somebody should look now. What a rule does nothing but
// tell is meant to be read.
func (m *message) urgent() bool { return m.mood == bad || m.mood == waiting }

// pings tells whether those whom the place mentions are called.
func (m *message) pings() bool { return m.urgent() || m.moment == "" }

// logBytes is how much of the end of an output is looked at: what no service
// would take.
const logBytes = 32 << 10

// compose makes the message of a notification.
func (p *Performer) compose(ctx context.Context, s *sending, n *rules.Notification) (*message, error) {
	run := s.job.Run
	text, err := s.job.Reveal(n.Message)
	if err != nil {
		return nil, fmt.Errorf("message: %w", err)
	}
	m := &message{
		mood: moods[n.Moment], moment: n.Moment, text: strings.TrimSpace(clean(text)), run: run.ID, when: run.QueuedAt,
		key: fmt.Sprintf("hooktender-%d-%d", run.ID, run.QueuedAt.UnixMilli()), commit: webCommit(n.Commit),
	}
	if of := n.Of; of != nil {
		m.run = of.Run
		m.log = p.tailOf(ctx, s, n.Moment, of)
		if of.Finished != nil {
			m.when = *of.Finished
		}
	}
	m.said = m.text
	m.headline(run.Rule, n)
	m.facts = factsOf(m, run, n.Of)
	m.link = s.config.Server.PageOf(m.run)
	return m, nil
}

// tailOf reads the end of the output. That it cannot be read is no reason to
// tell nothing.
func (p *Performer) tailOf(ctx context.Context, s *sending, moment rules.Moment, of *rules.Outcome) string {
	switch moment {
	case rules.OnSuccess, rules.OnFailure, rules.OnTimeout, rules.OnRecovery:
	default:
		return ""
	}
	if of.Attempt == 0 || p.Log == nil {
		return ""
	}
	output, err := p.Log.Tail(ctx, of.Run, of.Attempt, logBytes)
	if err != nil {
		s.say("the output of run %d cannot be read, and is left out: %v\n", of.Run, err)
		return ""
	}
	return cleanLog(output)
}

func factsOf(m *message, run *runner.Run, of *rules.Outcome) []fact {
	facts := []fact{{name: "Hook", value: run.Hook, short: true}, {name: "Rule", value: run.Rule, short: true}, {name: "Event", value: run.Event, short: true}}
	facts = append(facts, commitFacts(m.commit)...)
	if of != nil {
		facts = append(facts, outcomeFacts(of)...)
	}
	var told []fact
	for _, f := range facts {
		if f.value = oneLine(f.value); f.value != "" {
			told = append(told, f)
		}
	}
	return told
}

func outcomeFacts(of *rules.Outcome) []fact {
	var facts []fact
	if of.Started != nil && of.Finished != nil {
		facts = append(facts, fact{name: "Duration", value: took(of.Finished.Sub(*of.Started)), short: true})
	}
	if of.ExitCode != nil {
		facts = append(facts, fact{name: "Exit code", value: strconv.Itoa(*of.ExitCode), short: true})
	}
	if of.Attempt > 1 {
		facts = append(facts, fact{name: "Attempts", value: strconv.Itoa(of.Attempt), short: true})
	}
	if !inTitle(of.Error) {
		facts = append(facts, fact{name: "Error", value: of.Error})
	}
	return facts
}

func commitFacts(c *rules.Commit) []fact {
	if c == nil {
		return nil
	}
	first, _, _ := strings.Cut(strings.TrimSpace(clean(c.Message)), "\n")
	what := strings.TrimSpace(shortID(c.ID) + " " + first)
	if c.Author != "" {
		what += " (" + c.Author + ")"
	}
	where := "Branch"
	if c.Branch == "" { // a tag's
		where = "Repository"
	}
	return []fact{
		{name: "Commit", value: what, url: c.URL},
		{name: where, value: strings.TrimSpace(c.Repository + " " + c.Branch), short: true},
	}
}

func shortID(id string) string { return id[:min(len(id), 7)] }

// webCommit is a commit whose page is one of the web, or has none: what a payload
// says may be any kind of address.
func webCommit(c *rules.Commit) *rules.Commit {
	if c == nil {
		return nil
	}
	safe := *c
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || len(c.URL) > 500 {
		safe.URL = ""
		return &safe
	}
	safe.URL = u.String() // with its odd characters encoded
	return &safe
}

// took writes how long something was, as exactly as people care.
func took(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Hour:
		return d.Round(time.Second).String()
	case d < day:
		return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	}
	return strings.TrimSuffix(fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour), "0h")
}

// plain is the message without any markup: what is kept of it, and what goes to
// services that know none. The log is not part of it.
func (m *message) plain() string {
	lines := []string{}
	if m.text != "" {
		lines = append(lines, m.text, "")
	}
	for _, f := range m.facts {
		lines = append(lines, f.name+": "+f.value+prefixed(" ", f.url))
	}
	return strings.Join(lines, "\n")
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}
