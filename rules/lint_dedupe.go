package rules

import "gopkg.in/yaml.v3"

// again looks at how long a hook knows an event again, which it does from the
// deliveries that are kept, and at what it knows it by.
func (l *linter) again(scope *scope, set settings) {
	n, ok := set["dedupe"]
	if !ok {
		l.asUsual = true
		return
	}
	l.values(scope, n, anyEvent)
	if n.Kind != yaml.MappingNode {
		return
	}
	within, ok := settingsOf(n)["within"]
	if !ok {
		l.asUsual = true
		return
	}
	if kept := Duration(l.keep.Deliveries); within.duration() > kept {
		l.warn(within, "is longer than keep.deliveries (%s), and an event is forgotten together with its delivery; write %s or less, or keep: {deliveries: %s}",
			spellDays(kept), spellDays(kept), within.Value)
	}
}

// kept looks at keep, which bounds how long events are known for the hooks that
// do not say it.
func (l *linter) kept(n node) {
	deliveries, ok := settingsOf(n)["deliveries"]
	if ok && l.asUsual && deliveries.duration() < dedupeWithin {
		l.warn(deliveries, "is shorter than the %s in which hooks know an event again, and it is forgotten together with its delivery; "+
			"write 1d or more, or let the hooks say dedupe: {within: %s}", spellDays(dedupeWithin), deliveries.Value)
	}
}
