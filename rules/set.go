package rules

import (
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hooktender/hooktender/rules/verify"
)

// A Set is all hooks of a configuration, compiled. It never changes.
type Set struct {
	hooks    []*Hook
	watches  []*Watch
	secrets  map[Reference]verify.Secret
	literals []verify.Secret // of verify and notify
	channels map[string]*Channel
}

func newSet(hooks []*Hook, watches []*Watch, secrets map[Reference]verify.Secret, literals []verify.Secret) *Set {
	slices.SortFunc(hooks, func(a, b *Hook) int { return strings.Compare(a.Path, b.Path) })
	slices.SortFunc(watches, func(a, b *Watch) int { return strings.Compare(a.Path, b.Path) })
	s := &Set{hooks: hooks, watches: watches, secrets: secrets, literals: literals}
	for _, h := range s.All() {
		h.definition = h.define()
	}
	return s
}

// Hooks lists the hooks in order of their paths. No two of them match the same
// request path, and every path is one that a router takes.
func (s *Set) Hooks() []*Hook { return s.hooks }

// Watches lists the watches in order of their names.
func (s *Set) Watches() []*Watch { return s.watches }

// All lists the hooks and, behind them, those of the watches, which no sender can
// call.
func (s *Set) All() []*Hook {
	all := slices.Clone(s.hooks)
	for _, w := range s.watches {
		all = append(all, w.Hook)
	}
	return all
}

// Hook returns the hook of a path as configured, or that of a watch by watch/NAME;
// nil if there is none.
func (s *Set) Hook(path string) *Hook {
	all := s.All()
	i := slices.IndexFunc(all, func(h *Hook) bool { return h.Path == path })
	if i < 0 {
		return nil
	}
	return all[i]
}

func (s *Set) paths() (paths []string) {
	for _, h := range s.All() {
		paths = append(paths, h.Path)
	}
	return paths
}

// Secret returns what a reference stood for when the configuration was loaded.
// A reference of an earlier configuration is read anew.
func (s *Set) Secret(ref Reference) (verify.Secret, error) {
	if secret, ok := s.secrets[ref]; ok && secret != "" {
		return secret, nil
	}
	return ref.Read()
}

// Secrets lists the values that must not be shown anywhere: those of references,
// and those written in verify and notify.
func (s *Set) Secrets() []verify.Secret {
	all := slices.AppendSeq(slices.Clone(s.literals), maps.Values(s.secrets))
	slices.Sort(all)
	return slices.Compact(all)
}

// Format keeps the secrets out of whatever prints a Set: fmt does not ask values
// in unexported fields how they want to be printed.
func (s Set) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "%d hooks", len(s.hooks)) }

// An Action is what a rule that fired wants done.
type Action struct {
	Rule    string
	Command *Command
}

// Verify decides whether a request is genuine, and sets r.Event and r.ID as the
// provider names them. If it is not, the error is a *verify.Rejection whose
// reason is for the operator, not for the sender. If that cannot be told now,
// IsUnavailable says so of the error.
func (h *Hook) Verify(r *Request, now time.Time) error {
	if h.verifier == nil {
		h.identifyEvent(r)
		return nil
	}
	vr := h.evidence(r, now)
	if err := h.verifier.Verify(vr); err != nil {
		return err
	}
	h.identifyProven(r, vr)
	return nil
}

// identifyProven is identify of a request that was believed, which is asked again
// once it is unpacked.
func (h *Hook) identifyProven(r *Request, vr *verify.Request) {
	if r.Header.Get("Content-Encoding") != "" {
		r.proven = vr
	}
	h.identify(r, vr)
}

// identify sets r.Event and r.ID as the sender names them.
func (h *Hook) identify(r *Request, vr *verify.Request) {
	if h.verifier != nil {
		r.Event, r.ID = h.verifier.Identify(vr)
	}
	h.identifyEvent(r)
}

// evidence is a request as package verify sees it.
func (h *Hook) evidence(r *Request, now time.Time) *verify.Request {
	return &verify.Request{
		Method: r.Method, URL: h.url(r), Path: r.Path, RawQuery: r.RawQuery,
		Header: r.Header, Body: r.Body, Now: now, Keys: r.Keys, Peer: r.Peer, Trusted: r.Trusted,
		Beliefs: &r.beliefs,
	}
}

// url is what the sender called, as far as the operator said so.
func (h *Hook) url(r *Request) string {
	if h.publicURL == "" {
		return ""
	}
	u := h.publicURL + (&url.URL{Path: r.Path}).EscapedPath()
	if r.RawQuery != "" {
		u += "?" + r.RawQuery
	}
	return u
}

// Evaluate asks the hook's rules about a genuine request. There is one decision
// for each rule that was asked, and the actions of each that fired. The error is
// ErrUnsupported or a *MalformedError if the body cannot be read. It sets r.Dedupe.
func (h *Hook) Evaluate(r *Request) ([]Decision, []Action, error) {
	payload, err := h.payload(r, h.need)
	if err != nil {
		return nil, nil, err
	}
	env := environment{Payload: payload, Request: &requestView{request: r, hook: h}}
	if err := h.dedupe.refusesText(h.reading, r); err != nil {
		return nil, nil, err
	}
	r.Dedupe = h.dedupe.of(env)
	decisions := make([]Decision, 0, len(h.rules))
	var actions []Action
	for _, rule := range h.rules {
		matched, commands, err := rule.decide(env)
		decision := Decision{Rule: rule.name, Matched: matched}
		if err != nil {
			decision.Error = err.Error()
		}
		decisions = append(decisions, decision)
		for _, command := range commands {
			command.Files = h.files(r)
			actions = append(actions, Action{rule.name, command})
		}
		if matched && h.firstMatch {
			break
		}
	}
	return decisions, actions, nil
}

// Command fills in the values of one rule, whether its condition holds or not,
// and returns the one of its commands that takes the place of old: for a person
// who wants that run again. The error wraps fs.ErrNotExist if the hook has no such
// rule, or the rule does nothing of that kind; the others are those of Evaluate,
// and of values that cannot be had.
func (h *Hook) Command(name string, old *Command, r *Request) (*Command, error) {
	i := slices.IndexFunc(h.rules, func(have *rule) bool { return have.name == name })
	if i < 0 {
		return nil, fmt.Errorf("the hook %s has no rule %q any more: %w", h.Path, name, fs.ErrNotExist)
	}
	payload, err := h.payload(r, h.need)
	if err != nil {
		return nil, err
	}
	commands, err := h.rules[i].commands(environment{Payload: payload, Request: &requestView{request: r, hook: h}})
	if err != nil {
		return nil, fmt.Errorf("rule %q: %w", name, err)
	}
	for _, command := range commands {
		if command.replaces(old) {
			command.Files = h.files(r)
			return command, nil
		}
	}
	return nil, fmt.Errorf("the rule %q does no such thing any more (%s): %w", name, old.Action(), fs.ErrNotExist)
}

// replaces tells whether a command is what its rule says now in the place of an
// older one.
func (c *Command) replaces(old *Command) bool {
	if c.Notification != nil && old.Notification != nil {
		return c.Notification.To == old.Notification.To
	}
	return c.Action() == old.Action()
}

// Rules lists the names of the hook's rules, in their order.
func (h *Hook) Rules() []string {
	names := make([]string, len(h.rules))
	for i, r := range h.rules {
		names[i] = r.name
	}
	return names
}

// decide tells whether the rule fires, and what follows from that.
func (r *rule) decide(env environment) (matched bool, commands []*Command, err error) {
	if matched, err = r.when.holds(env); err != nil {
		return false, nil, fmt.Errorf("when: %w", err)
	}
	if !matched {
		return false, nil, nil
	}
	if commands, err = r.commands(env); err != nil {
		return false, nil, err
	}
	return true, commands, nil
}

// VerdictOf says what a delivery's decisions come to.
func VerdictOf(decisions []Decision) (verdict Verdict, reason string) {
	verdict, reason = Ignored, "no rule matched"
	for _, d := range decisions {
		switch {
		case d.Matched:
			return Accepted, ""
		case d.Error != "" && verdict == Ignored:
			verdict, reason = Errored, fmt.Sprintf("rule %q: %s", d.Rule, d.Error)
		}
	}
	return verdict, reason
}

// mask stands for a secret wherever a request is kept or shown.
const mask = "<secret>"

// alwaysSecret are headers that carry secrets whatever the hook's scheme.
var alwaysSecret = []string{"Authorization", "Proxy-Authorization", "Cookie"}

// Mask returns the headers and the requested path of a request in the form in
// which they may be kept and shown: what proves the sender is masked. The headers
// may be the request's own, so they must not be changed.
func (h *Hook) Mask(r *Request) (http.Header, string) {
	path := unambiguous.Replace(r.Path)
	if r.RawQuery != "" {
		path += "?" + h.maskQuery(r.RawQuery)
	}
	return h.maskHeader(r.Header), path
}

// unambiguous keeps a question mark in a path from looking like the beginning of
// the query.
var unambiguous = strings.NewReplacer("%", "%25", "?", "%3F")

// sensitive are the names of headers and of parts of the query that carry
// secrets, beside those that always do.
func (h *Hook) sensitive() (headers, query []string) {
	if h.verifier == nil {
		return nil, nil
	}
	return h.verifier.Sensitive()
}

func (h *Hook) maskHeader(header http.Header) http.Header {
	headers, _ := h.sensitive()
	isThere := func(name string) bool { return len(header.Values(name)) > 0 }
	if !slices.ContainsFunc(alwaysSecret, isThere) && !slices.ContainsFunc(headers, isThere) {
		return header
	}
	masked := header.Clone()
	for _, name := range slices.Concat(alwaysSecret, headers) {
		if isThere(name) {
			masked.Set(name, mask)
		}
	}
	return masked
}

func (h *Hook) maskQuery(rawQuery string) string {
	_, names := h.sensitive()
	parts := strings.Split(rawQuery, "&")
	for i, part := range parts {
		name, _, _ := strings.Cut(part, "=")
		if plain, err := url.QueryUnescape(name); err != nil || slices.Contains(names, plain) {
			parts[i] = name + "=" + mask
		}
	}
	return strings.Join(parts, "&")
}
