package rules

import (
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"

	"gopkg.in/yaml.v3"
)

// A Channel is a place where people are told: an entry of notify. Exactly one
// of the kinds is not nil. It never changes. Its secrets are references, or
// literal where the file has them so; all of them are among [Set.Secrets].
type Channel struct {
	Name string
	At   Place // where the file says so

	Discord  *Discord
	Slack    *Slack
	Teams    *Teams
	Telegram *Telegram
	Matrix   *Matrix
	Email    *Email
	Ntfy     *Ntfy
	Gotify   *Gotify
	Webhook  *Webhook
	URL      *ServiceURL
}

// Kind is the name of the channel's kind, as the file has it.
func (c *Channel) Kind() string {
	for _, k := range channelKinds {
		if k.has(c) {
			return k.name
		}
	}
	return ""
}

// Format keeps what the file has as a literal out of whatever prints a Channel.
func (c Channel) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.Kind()+" "+c.Name) }

// with adds the places of notify.
func (s *Set) with(channels map[string]*Channel) *Set {
	s.channels = channels
	return s
}

// Channel returns the place of that name.
func (s *Set) Channel(name string) (*Channel, bool) {
	c, ok := s.channels[name]
	return c, ok
}

// Channels lists the places, in order of their names.
func (s *Set) Channels() []*Channel {
	var list []*Channel
	for _, name := range slices.Sorted(maps.Keys(s.channels)) {
		list = append(list, s.channels[name])
	}
	return list
}

var channelName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)

// readNotify reads the names of places. One with a mistake counts as there: what
// is wrong with it is told once.
func (c *compiler) readNotify(n node) {
	c.channels = map[string]*Channel{}
	for key, value := range n.entries() {
		name := key.Value
		if !channelName.MatchString(name) {
			key.in("notify").problem("%q cannot be the name of a place; write letters, digits, - and _, as in ops", name)
			continue
		}
		ch := readChannel(name, value.in(`notify "`+name+`"`))
		c.channels[name] = ch
		n.d.places = append(n.d.places, name)
		if ch.Email != nil {
			if n.d.mails == nil {
				n.d.mails = map[string]bool{}
			}
			n.d.mails[name] = len(ch.Email.To) > 0
		}
	}
}

func readChannel(name string, n node) *Channel {
	ch := &Channel{Name: name, At: placeOf(n)}
	if n.Kind != yaml.MappingNode {
		n.problem("%s, but it must say what the place is, as in {%s}", withoutValue(n.Node), channelKinds[0].example)
		return ch
	}
	before, kinds := len(n.d.problems), 0
	for key, value := range n.entries() {
		kind, known := findChannelKind(key.Value)
		if !known {
			key.problem("unknown kind of place %q%s", key.Value, didYouMean(key.Value, channelKindNames()))
			continue
		}
		kinds++
		kind.read(ch, value)
	}
	switch {
	case len(n.d.problems) > before:
	case kinds == 0:
		n.problem("must say what the place is, as in {%s}", channelKinds[0].example)
	case kinds > 1:
		n.problem("must be one place, but is %d; each needs a name of its own", kinds)
	}
	return ch
}

// withoutValue is kindOf for what may be a secret.
func withoutValue(n *yaml.Node) string {
	if n.Kind == yaml.ScalarNode && n.Value != "" && n.Tag != "!!null" {
		return "is a text"
	}
	return kindOf(n)
}
