package rules

import (
	"cmp"
	"fmt"
	"net/mail"
	"slices"
	"time"

	"gopkg.in/yaml.v3"
)

// noticeSetting is one entry of a rule's notify: who is told, when and what.
type noticeSetting struct {
	to      []string
	on      []Moment // nil: not said
	message value
	address value // nil: the place knows whom
}

func (s *noticeSetting) settings() []setting {
	return []setting{
		{"to", recipients.to(&s.to), "a name that stands under `notify` at the left margin, or a list of them", mustBe},
		{"on", tellings.to(&s.on), "when: `start`, `success`, `failure` (a timeout is one, too), `timeout`, `recovery` (the first success after a failure), `skipped`, `approval` (it waits for a person)", "`[failure, recovery, approval]`; a rule that runs nothing tells at once"},
		{"message", values.to(&s.message), "what is said beside what happened", "nothing"},
		{"address", keys.to(&s.address), "of a place that is `email`: to whom the mail goes in the place of its own `to`, as in `{{ customer.email }}`; they get the message alone, its first line as the subject", "the place's `to`"},
	}
}

var (
	recipients = kind[[]string]{node.recipients, either("name, or list of names", aText("")(), listOf(aText("name")()))}
	tellings   = kind[[]Moment]{node.moments, func() *schema {
		words := make([]string, len(Moments))
		for i, m := range Moments {
			words[i] = string(m)
		}
		return listOf(&schema{Enum: words})
	}}
	notices = kind[[]noticeSetting]{readNotices, func() *schema {
		one := either("name of who is told, or when and what", aText("")(), mappingOf((&noticeSetting{}).settings()...))()
		s := listOf(one)
		s.MinItems = 0
		return either("list of who is told, or the name of one", aText("")(), s)()
	}}
)

// usualMoments are those of a notice that does not say when.
var usualMoments = []Moment{OnFailure, OnRecovery, OnApproval}

func readNotices(n node) []noticeSetting {
	list := []noticeSetting{} // an empty one takes what the defaults say away
	elements := []node{n}     // notify: ops
	if n.Kind != yaml.ScalarNode {
		elements = n.list()
	}
	for _, e := range elements {
		var s noticeSetting
		if e.Kind == yaml.MappingNode {
			e.mapping(s.settings()...)
			if len(s.to) == 0 {
				e.problem("must say who is told, as in {to: ops}")
			}
			s.check(e)
		} else {
			s.to = e.recipients()
			s.check(e)
		}
		list = append(list, s)
	}
	return list
}

// check looks at whether each place can be told like this.
func (s *noticeSetting) check(n node) {
	if s.address != nil && len(s.message) == 0 {
		n.problem("has an address and no message; whoever is there is told nothing else, so write message: and what to say")
	}
	for _, name := range s.to {
		n.checkAddressee(name, s.address != nil)
	}
}

// checkAddressee compares what a place is with whether there is an address.
func (n node) checkAddressee(name string, addressed bool) {
	itself, mails := n.d.mails[name]
	switch {
	case !n.d.isPlace(name):
	case addressed && !mails:
		n.problem("address says where a mail goes, and %s is no email; leave it out", name)
	case !addressed && mails && !itself:
		n.problem("%s does not say to whom its mails go; write to: there, or address: \"{{ … }}\" here", name)
	}
}

// recipients reads names of places, and refuses those that there are not.
func (n node) recipients() []string {
	elements := []node{n}
	if n.Kind == yaml.SequenceNode {
		elements = n.list()
	}
	var names []string
	for _, e := range elements {
		name, ok := e.scalar()
		if !ok {
			continue
		}
		if !n.d.isPlace(name) {
			e.problem("there is no %q under notify at the left margin%s", name, n.d.advisePlace(name))
		}
		names = append(names, name)
	}
	return names
}

// isPlace tells whether there is somebody of that name to tell.
func (d *decoder) isPlace(name string) bool { return slices.Contains(d.places, name) }

func (d *decoder) advisePlace(name string) string {
	if len(d.places) > 0 {
		return didYouMean(name, d.places)
	}
	return fmt.Sprintf("; write there who that is, as in notify: {%s: {discord: \"${env:DISCORD_WEBHOOK_URL}\"}}", name)
}

func (n node) moments() []Moment {
	words := make([]string, len(Moments))
	for i, m := range Moments {
		words[i] = string(m)
	}
	list := []Moment{}
	for _, e := range n.list() {
		list = append(list, Moment(e.one(words...)))
	}
	if n.Kind == yaml.SequenceNode && len(list) == 0 {
		n.problem("is an empty list, so nobody would ever be told; leave it out for [failure, recovery, approval]")
	}
	return list
}

// checkAlone refuses what only makes sense of a rule that runs something, in one
// that does not.
func (r *rule) checkAlone(n node, usually bool) {
	if r.approve && !usually {
		n.problem("it runs nothing that somebody could approve; leave approve out")
	}
	for _, s := range r.notices {
		if len(s.on) > 0 {
			n.problem("it runs nothing, so nothing of it can start or fail; leave on out, and people are told at once")
			return
		}
	}
}

// tell fills in who is told of a run. The error is that of the first who cannot
// be; each notice has its own.
func (r *rule) tell(env environment, commit *Commit) (list []Notice, first error) {
	for _, s := range r.notices {
		n := Notice{On: s.on, Commit: commit}
		if n.On == nil {
			n.On = usualMoments
		}
		if err := s.fill(&n, env); err != nil {
			n.Error = err.Error()
			first = cmp.Or(first, err)
		}
		for _, n.To = range s.to {
			list = append(list, n)
		}
	}
	return list, first
}

// fill is what the event says of a notice.
func (s *noticeSetting) fill(n *Notice, env environment) (err error) {
	if n.Message, err = s.message.text(env); err != nil {
		return fmt.Errorf("notify: message: %w", err)
	}
	if n.Address, err = s.addressOf(env); err != nil {
		return fmt.Errorf("notify: address: %w", err)
	}
	return nil
}

// addressOf is one address, without a name: what a payload says must not add
// others.
func (s *noticeSetting) addressOf(env environment) (string, error) {
	if s.address == nil {
		return "", nil
	}
	text, err := s.address.text(env)
	if err != nil {
		return "", err
	}
	address, err := mail.ParseAddress(text.String())
	if err != nil {
		return "", fmt.Errorf("%q is not one address", brief(text.String()))
	}
	return address.Address, nil
}

// What is true of every run that tells people or sets a status, whatever the
// rule says of its own.
const (
	tellTimeout = Duration(time.Minute)
	tellGrace   = Duration(5 * time.Second)
	tellOutput  = 64 << 10
)

func tellRetry() *Retry {
	return &Retry{Attempts: 8, Delay: Duration(10 * time.Second), MaxDelay: Duration(15 * time.Minute), On: []string{onFailure, onTimeout}}
}

// NotifyCommand is the command of a run that tells somebody something. Those
// to one place come one by one, in order.
func NotifyCommand(n *Notification) *Command {
	return &Command{
		Notification: n, Timeout: tellTimeout, Grace: tellGrace, OutputLimit: tellOutput, OnInterrupt: Rerun, Retry: tellRetry(),
		Concurrency: &Concurrency{Group: "notify:" + n.To, Limit: 1, Busy: Queue},
	}
}

// StatusCommand is the command of a run that sets the status of a commit. Of
// one status only the newest that waits is set.
func StatusCommand(s *CommitStatus) *Command {
	group := fmt.Sprintf("status:%s %s %s %s", s.Service, s.Repository, s.Commit, s.Context)
	return &Command{
		Status: s, Timeout: tellTimeout, Grace: tellGrace, OutputLimit: tellOutput, OnInterrupt: Rerun, Retry: tellRetry(),
		Concurrency: &Concurrency{Group: group, Limit: 1, Busy: Latest},
	}
}
