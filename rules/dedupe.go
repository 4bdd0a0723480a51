package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/hooktender/hooktender/rules/verify"
)

// A Dedupe is what a genuine event is known by when it comes again.
type Dedupe struct {
	Key    string        // "" for an event that is never taken for one seen before
	Within time.Duration // how long it is known
	Err    error         // why there is no key, although the hook says how to make one
}

// dedupe is what a hook says about events that come again.
type dedupe struct {
	by     value    // nil: what the provider tells events apart by
	within Duration // 0: all events are new
	usual  bool     // nobody said how long
}

// dedupeWithin is longer than most providers try to deliver an event again.
const dedupeWithin = Duration(24 * time.Hour)

func usualDedupe() dedupe { return dedupe{within: dedupeWithin, usual: true} }

// outlast knows events again for at least as long as their signature is believed,
// unless the hook says for how long.
func (d *dedupe) outlast(believed time.Duration) {
	if d.usual {
		d.within = max(d.within, Duration(believed))
	}
}

func (d *dedupe) settings() []setting {
	return []setting{
		{"by", keys.to(&d.by), "the key by which an event is known again; an empty one is new", "the provider's `request.id`, with `request.event`"},
		{"within", durations.do(func(within Duration) { d.within, d.usual = within, false }), "how long it is known; no longer than `keep.deliveries`", "`24h`, or as long as the provider's signature is believed"},
	}
}

func (n node) dedupe() dedupe {
	d := usualDedupe()
	switch {
	case n.Kind == yaml.MappingNode:
		n.mapping(d.settings()...)
	case n.isOff():
		return dedupe{}
	default:
		if s, ok := n.scalar(); ok {
			n.problem("%q does not say how an event is known again; write {by: \"{{ id }}\", within: 24h}, or off", s)
		}
	}
	return d
}

// isOff tells the word off, which YAML also spells false.
func (n node) isOff() bool { return n.Value == "off" || n.Tag == "!!bool" && n.Value == "false" }

var dedupes = kind[dedupe]{node.dedupe, func() *schema {
	return &schema{Title: "off, or how an event is known again", AnyOf: []*schema{
		{Enum: []string{"off"}}, {Type: []string{"boolean"}}, mappingOf((&dedupe{}).settings()...),
	}}
}}

// of is what an event is known by. A key that cannot be made is no reason to lose
// the event: it counts as new, and Err says why.
func (d *dedupe) of(env environment) Dedupe {
	if d.within == 0 {
		return Dedupe{}
	}
	r := env.Request.request
	key := env.Request.hook.identity(r)
	if d.by != nil {
		text, err := d.by.text(env)
		if err != nil {
			return Dedupe{Err: err}
		}
		key = text.String()
	}
	if key == "" {
		return Dedupe{}
	}
	if len(r.Params) > 0 { // a provider may send one event to several of such a hook's paths
		key = r.Path + " " + key
	}
	return Dedupe{Key: shortKey(key), Within: time.Duration(d.within)}
}

// refusesText holds off that a body whose fields an event is known by counts as new
// under a Content-Type that is not signed, by which it has none.
func (d *dedupe) refusesText(how reading, r *Request) error {
	if d.within == 0 || how.content != contentAuto || !how.unsignedHeaders || len(r.Body) == 0 || len(d.by.fields().below) == 0 {
		return nil
	}
	kind, err := contentOf(r.Header)
	if err == nil && (kind == contentText || kind == contentForm && verify.BeginsAsJSON(r.Body)) {
		return fmt.Errorf("%w: of %q there are no fields, by which dedupe knows events again; write content: json if the sender says so of JSON", ErrUnsupported, r.Header.Get("Content-Type"))
	}
	return nil
}

// identity is what providers tell events apart by: the id; the event's name and
// what else differs, as some send several events under one id; and the source of a
// CloudEvent, whose id is unique only together with it. A sender without ids has
// none. Beside a signed id nothing counts that is not signed: it would make a new
// event of a request that is sent again.
func (h *Hook) identity(r *Request) string {
	if r.ID == "" {
		return ""
	}
	var evidence *verify.Request // one, which keeps what it has read of the body
	if h.verifier != nil {
		evidence = h.evidence(r, r.ReceivedAt)
	}
	parts := []string{h.eventApart(r, evidence), h.sourceOf(r, evidence), r.ID}
	if h.verifier != nil {
		parts = append(parts, h.verifier.Apart(evidence))
	}
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), " ")
}

// eventApart is the event's name, where it may tell events of one id apart.
func (h *Hook) eventApart(r *Request, evidence *verify.Request) string {
	if h.verifier == nil || !h.unsignedHeaders {
		return r.Event
	}
	if event, id := h.verifier.Identify(evidence); event == "" && id == "" {
		return r.Event // both are a CloudEvent's, out of its body
	}
	return h.verifier.EventApart(evidence)
}

// shortKey bounds what is kept of a key in an index.
func shortKey(key string) string {
	const enough = 200
	if len(key) <= enough {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return "sha256:" + hex.EncodeToString(sum[:])
}
