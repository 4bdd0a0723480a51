package rules

import (
	"net/netip"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// read reads one case, and refuses settings that contradict each other.
func (c *Case) read(n node) {
	set := map[string]node{}
	settings := c.settings()
	for i, s := range settings {
		read := s.form.read
		settings[i].form.read = func(n node) { set[s.name] = n; read(n) }
	}
	n.mapping(settings...)
	if n.Kind != yaml.MappingNode {
		return
	}
	for _, name := range []string{"hook", "expect"} {
		if _, ok := set[name]; !ok {
			n.problem("has no %s", name)
		}
	}
	if _, ok := set["signed"]; !ok {
		c.Signed = c.Provider != ""
	}
	if _, ok := set["send"]; ok {
		for _, other := range []string{"payload", "event"} {
			if o, both := set[other]; both {
				o.problem("send brings it; leave one of them out")
			}
		}
	}
}

func (c *Case) settings() []setting {
	return []setting{
		{"name", names.do(func(string) {}), "told apart by it", "`case-1`, `case-2`, …"},
		{"hook", askedFor.to(&c.Hook), "the path as a sender asks for it, with its query; or `watch/NAME`, and the payload is what it finds", mustBe},
		{"send", sends.do(func(s [2]string) { c.Provider, c.Event = s[0], s[1] }), "a recorded delivery, as in `{github: push}`; `hooktender send` has the same", ""},
		{"payload", form{c.readPayload, payloadSchema}, "the body: a file beside this one, or the payload itself, which is sent as JSON", "no body"},
		{"set", form{c.readSet, func() *schema { return namedOf(aText("")(), anything()) }}, "fields of the payload that are changed, as in `head_commit.id: abc`", ""},
		{"event", names.to(&c.Event), "name of the event, written where the hook's provider writes it", ""},
		{"header", form{c.readHeader, headerSchema}, "headers, each a text or a list of them; `Content-Type` is JSON unless it is among them", ""},
		{"method", oneOf(methods...).to(&c.Method), "HTTP method", "the first that the hook takes"},
		{"remote_ip", senderAddress.to(&c.RemoteIP), "address of the sender", "none, and `allow_ips` is not asked"},
		{"at", moments.to(&c.Now), "when it arrives: for signed timestamps, and for `now()` in conditions", "now"},
		{"signed", booleans.to(&c.Signed), "sign it with the hook's own secret, as its sender does", "`true` with `send`, else `false`"},
		{"expect", form{c.readExpect, func() *schema { return mappingOf((&Expectation{}).settings()...) }}, "what is to become of it", mustBe},
	}
}

var (
	askedFor = kind[string]{func(n node) string {
		s, ok := n.scalar()
		if ok && !strings.HasPrefix(s, "/") && !strings.HasPrefix(s, watchPrefix) {
			n.problem("%q is neither a hook's path like /github/website nor watch/NAME", s)
		}
		return s
	}, like("path, or watch/NAME", "^(/|watch/)")}
	senderAddress = kind[netip.Addr]{func(n node) netip.Addr {
		s, ok := n.scalar()
		address, err := netip.ParseAddr(s)
		if ok && err != nil {
			n.problem("%q is not an address like 192.0.2.7", s)
		}
		return address
	}, aText("address")}
	moments = kind[time.Time]{func(n node) time.Time {
		s, ok := n.scalar()
		t, err := time.Parse(time.RFC3339, s)
		if ok && err != nil {
			n.problem("%q is not a time like 2006-01-02T15:04:05Z", s)
		}
		return t
	}, like("time, as in 2006-01-02T15:04:05Z", `^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d`)}
	sends = kind[[2]string]{node.send, func() *schema {
		s := namedOf(aText("")(), aText("")())
		s.Title, s.MinProperties, s.MaxProperties = "{PROVIDER: EVENT}", 1, 1
		return s
	}}
)

func (n node) send() (sent [2]string) {
	count := 0
	for key, value := range n.entries() {
		event, _ := value.scalar()
		sent, count = [2]string{key.Value, event}, count+1
	}
	if n.Kind == yaml.MappingNode && count != 1 {
		n.problem("must name one delivery, as in {github: push}, but names %d", count)
	}
	return sent
}

func (c *Case) readHeader(n node) {
	for key, value := range n.entries() {
		lines := []node{value}
		if value.Kind == yaml.SequenceNode {
			lines = value.list()
		}
		for _, line := range lines {
			if s, ok := line.scalar(); ok {
				c.Header.Add(key.Value, s)
			}
		}
	}
}

func headerSchema() *schema {
	return namedOf(aText("")(), &schema{AnyOf: []*schema{aText("")(), listOf(aText("")())}})
}
