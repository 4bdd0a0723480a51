package rules

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
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

	verifier  *verify.Verifier // nil for verify: none
	preset    string           // its name; "" for a scheme that is described
	dedupe    dedupe
	receipt   *verify.Respond // what the provider wants to hear; nil: nothing
	publicURL string
	maxBody   int64         // of an unpacked one, in bytes
	believed  time.Duration // how long a signature is, 0 if nothing bounds that
	reading
	firstMatch bool
	rules      []*rule
	need       *fields // of the payload, over all rules
	definition *Definition
	event      string // of a watch: the name of its events; "" for a hook that is called
	unread     error  // why senders cannot be judged; only of a configuration loaded to explain
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
	if other, reason := c.tree.add(key.Value); reason != "" {
		first := c.paths[other]
		key.problem("%s (%s, line %d)", reason, first.file.path, first.Line)
		return false
	}
	c.paths[key.Value] = key
	return true
}

// A hookForm reads one hook after the other, as a ruleForm reads rules.
type hookForm struct {
	Hook
	verify node // nothing, if the hook does not say
	ruled  bool
	all    []setting
}

func (c *compiler) hookForm() *hookForm {
	if c.hook == nil {
		f := &hookForm{}
		f.all = f.settings(
			func(n node) { f.verify = n },
			func(n node) { f.ruled = true; c.readRules(&f.Hook, n) },
		)
		c.hook = f
	}
	return c.hook
}

func (c *compiler) readHook(key, n node) {
	f := c.hookForm()
	f.verify, f.ruled = node{}, false
	h := &f.Hook
	*h = Hook{Path: key.Value, Methods: usualMethods, publicURL: c.server.PublicURL, maxBody: c.server.MaxBody, need: &fields{}, dedupe: usualDedupe()}
	n.mapping(f.all...)
	if v := f.verify; v.Node != nil { // now that it is known how the body is read
		h.unread = errors.Join(v.unreadIn(func() { c.readVerify(h, v) }), h.unread)
	} else if n.Kind == yaml.MappingNode {
		key.problem("has no verify; write how senders prove who they are, as in verify: {github: \"${env:SECRET}\"}, or verify: none to let everyone in")
	}
	if !f.ruled && n.Kind == yaml.MappingNode {
		key.problem("has no rules; it would never do anything")
	}
	h.need.merge(h.dedupe.by.fields())
	h.need = n.d.once.sharedFields(h.need)
	h.dedupe.outlast(h.believed)
	read := *h
	c.hooks = append(c.hooks, &read)
}

// settings are those of a hook; how it is verified and what its rules are is not
// the hook's own to read.
func (h *Hook) settings(readVerify, readRules func(node)) []setting {
	return []setting{
		{"verify", form{readVerify, verifySchema}, "how senders prove who they are; `none` lets everyone in", mustBe},
		{"rules", form{readRules, rulesSchema}.as(rulesExample), "what to do, in order; all that match fire", mustBe},
		{"respond", responds.to(&h.Respond), "what a sender is told whose event fires a rule", "`accepted`"},
		{"first_match", booleans.to(&h.firstMatch), "stop at the first rule that fires", "`false`"},
		{"paused", booleans.to(&h.Paused), "what arrives is accepted and queued, and nothing begins", "`false`"},
		{"allow_ips", senders.to(&h.AllowIPs), "addresses and networks that may send; all others are answered 403", "everyone"},
		{"rate_limit", rates.to(&h.RateLimit), "genuine events that are taken, as in `10/s`, `30/m`, `100/h`; beyond that, senders are answered 429", "any number"},
		{"dedupe", dedupes.to(&h.dedupe), "how an event is known that came before: it is answered with the runs of the first, and fires nothing; or `off`", "by the provider's id, within `24h`"},
		{"methods", httpMethods.to(&h.Methods).as("methods: [POST]"), "HTTP methods that the hook takes", "`[POST]`"},
		{"content", contents.to(&h.content), "how the body is read, whatever the sender's Content-Type says", "by Content-Type"},
	}
}

var (
	contents    = oneOf(contentJSON, contentForm, contentXML, contentText, contentCloudEvents)
	httpMethods = kind[[]string]{node.methods, func() *schema { return listOf(&schema{Enum: methods}) }}
)

func hooksSchema() *schema {
	s := namedOf(&schema{Pattern: "^/"}, mappingOf((&Hook{}).settings(nil, nil)...))
	s.MinProperties = 1
	return s
}

const rulesExample = "rules: [{run: ./deploy.sh}]"

func rulesSchema() *schema {
	return listOf(mappingOf((&rule{}).settings()...))
}

// usualMethods are those of a hook that names none; the hooks share the list.
var usualMethods = []string{http.MethodPost}

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

func (c *compiler) readRules(h *Hook, n node) {
	names := map[string]int{}
	elements := n.list()
	if n.Kind == yaml.SequenceNode && len(elements) == 0 {
		n.problem("is an empty list; the hook would never do anything")
	}
	hook := h.title()
	for i, e := range elements {
		name := nameOf(e, fmt.Sprintf("rule-%d", i+1))
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
