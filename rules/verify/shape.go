package verify

import (
	"maps"
	"regexp"
	"slices"
)

// A shape is what a value of the message must look like, see [Scheme.Shapes].
type shape struct {
	at      sources
	pattern *regexp.Regexp
}

func (c *compiler) shapes() (shapes []shape) {
	for _, place := range slices.Sorted(maps.Keys(c.scheme.Shapes)) {
		pattern, err := regexp.Compile("^(?:" + c.scheme.Shapes[place] + ")$")
		if err != nil {
			c.failf("shapes", "%v", err)
			continue
		}
		shapes = append(shapes, shape{c.sources("shapes", Sources{place}), pattern})
	}
	return shapes
}

func (s shape) check(e evidence) error {
	text, err := s.at.require(e)
	if err != nil {
		return err
	}
	if !s.pattern.MatchString(text) {
		return reject("%s does not look like the provider's", s.at)
	}
	return nil
}
