package rules

import (
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/hooktender/hooktender/rules/verify"
)

// A Hook is a path with its settings. It never changes; any number of
// goroutines may use it.
type Hook struct {
	Path    string   // as configured: "/deploy/:service"
	Methods []string // that it takes
	Respond Respond  // what a sender is told whose event fires a rule
	Paused  bool     // its runs are queued and do not begin

	AllowIPs  []netip.Prefix // who may send at all; nil for everyone
	RateLimit Rate           // of genuine events; zero for any

	verifier   *verify.Verifier // nil for verify: none
	publicURL  string
	content    content
	formField  string // form field that holds the JSON, for some providers
	firstMatch bool
	rules      []*rule
	need       *fields // of the payload, over all rules
}

func (c *compiler) readHooks(n node) {
	for key, value := range n.entries() {
		where := `hook "` + key.Value + `"`
		key, value = key.in(where), value.in(where)
		if c.checkPath(key) {
			c.readHook(key, value)
		}
	}
}

func (c *compiler) checkPath(key node) bool {
	if err := checkPath(key.Value); err != nil {
		key.problem("%v", err)
		return false
	}
	for _, path := range slices.Sorted(maps.Keys(c.paths)) {
		if reason := conflict(path, key.Value); reason != "" {
			first := c.paths[path]
			key.problem("%s (%s, line %d)", reason, first.file.path, first.Line)
			return false
		}
	}
	c.paths[key.Value] = key
	return true
}

func (c *compiler) readHook(key, n node) {
	h := &Hook{Path: key.Value, Methods: []string{http.MethodPost}, publicURL: c.server.PublicURL, need: &fields{}}
	verified, ruled := false, false
	n.mapping(
		setting{"verify", func(n node) { verified = true; c.readVerify(h, n) }},
		setting{"allow_ips", func(n node) { h.AllowIPs = n.allowed() }},
		setting{"rate_limit", func(n node) { h.RateLimit = n.rate() }},
		setting{"methods", func(n node) { h.Methods = n.methods() }},
		setting{"content", func(n node) {
			h.content = content(n.one(string(contentJSON), string(contentForm), string(contentXML), string(contentText)))
		}},
		setting{"respond", func(n node) { h.Respond = n.respond() }},
		setting{"paused", func(n node) { h.Paused = n.boolean() }},
		setting{"first_match", func(n node) { h.firstMatch = n.boolean() }},
		setting{"rules", func(n node) { ruled = true; c.readRules(h, n) }},
	)
	if !verified && n.Kind == yaml.MappingNode {
		key.problem("has no verify; write how senders prove who they are, as in verify: {github: \"${env:SECRET}\"}, or verify: none to let everyone in")
	}
	if !ruled && n.Kind == yaml.MappingNode {
		key.problem("has no rules; it would never do anything")
	}
	c.hooks = append(c.hooks, h)
}

var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead}

func (n node) methods() []string {
	var list []string
	for _, e := range n.list() {
		list = append(list, e.one(methods...))
	}
	if n.Kind == yaml.SequenceNode && len(list) == 0 {
		n.problem("is an empty list; leave it out for POST")
	}
	return list
}

// allowed reads who may send. An empty list would be everyone or no one.
func (n node) allowed() []netip.Prefix {
	prefixes := n.prefixes()
	if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		n.problem("is an empty list, which would let nobody in; leave it out to let everyone")
	}
	return prefixes
}

// Allows tells whether requests from an address may be listened to.
func (h *Hook) Allows(addr netip.Addr) bool {
	if h.AllowIPs == nil {
		return true
	}
	return slices.ContainsFunc(h.AllowIPs, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// A Rate is how many in how long.
type Rate struct {
	Count int
	Per   time.Duration
}

// rate reads 10/s, 30/m or 100/h.
func (n node) rate() Rate {
	s, ok := n.scalar()
	number, unit, _ := strings.Cut(s, "/")
	count, err := strconv.Atoi(number)
	per, known := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[unit]
	if ok && (err != nil || count < 1 || !known) {
		n.problem("%q is not a rate; write 10/s, 30/m or 100/h", s)
	}
	return Rate{count, per}
}

func (c *compiler) readRules(h *Hook, n node) {
	names := map[string]int{}
	elements := n.list()
	if n.Kind == yaml.SequenceNode && len(elements) == 0 {
		n.problem("is an empty list; the hook would never do anything")
	}
	hook := `hook "` + h.Path + `"`
	for i, e := range elements {
		name := ruleName(e, i)
		e = e.in(hook + `, rule "` + name + `"`)
		if first, twice := names[name]; twice {
			e.problem("the name stands in line %d already; runs are told apart by it", first)
		}
		names[name] = e.Line
		r := c.readRule(name, e)
		h.rules = append(h.rules, r)
		h.need.merge(r.fields())
	}
}
