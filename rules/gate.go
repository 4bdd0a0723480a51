package rules

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

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

var (
	senders = kind[[]netip.Prefix]{node.allowed, func() *schema {
		s := networksSchema()
		s.MinItems = 1
		return s
	}}
	rates = kind[Rate]{node.rate, like("rate, as in 10/s, 30/m, 100/h", `^[0-9]+/[smh]$`)}
)
