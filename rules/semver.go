package rules

import (
	"fmt"

	"github.com/Masterminds/semver/v3"
)

// A constraint is what versions are compared with.
type constraint struct {
	source string
	*semver.Constraints
}

// MarshalText writes the constraint as it was written.
func (c *constraint) MarshalText() ([]byte, error) { return []byte(c.source), nil }

func compileConstraint(argument int, literal string) (any, error) {
	if argument == 0 {
		return nil, nil
	}
	c, err := semver.NewConstraint(literal)
	if err != nil {
		return nil, fmt.Errorf("%s is no constraint of versions; write \">=1.2 <2\", \"~1.2\" or \"^2\"", describe(literal))
	}
	return &constraint{literal, c}, nil
}

func callSemver(params ...any) (any, error) {
	version, err := semver.NewVersion(params[1].(string))
	if err != nil {
		return nil, fmt.Errorf("%s is no version", describe(params[1]))
	}
	c, ok := params[2].(*constraint)
	if source, dynamic := params[2].(string); dynamic {
		if len(source) > maxPattern {
			return nil, fmt.Errorf("the constraint has %d bytes; one that the configuration does not spell out may have %d", len(source), maxPattern)
		}
		if err := params[0].(*meter).take(len(source) + 100); err != nil {
			return nil, err
		}
		compiled, err := compileConstraint(1, source)
		if err != nil {
			return nil, err
		}
		c, ok = compiled.(*constraint)
	}
	if !ok {
		return nil, fmt.Errorf("a constraint is a text, not %s", describe(params[2]))
	}
	return c.Check(version), nil
}
