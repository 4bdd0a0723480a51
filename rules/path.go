package rules

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// checkPath tells whether a hook's path can be served: it begins with a slash,
// and each part is plain text, :name for one part of the request's path, or
// *name at the end for all that is left.
func checkPath(path string) error {
	if !strings.HasPrefix(path, "/") {
		return fmt.Errorf("a path begins with a slash: %q", "/"+path)
	}
	segments := strings.Split(path[1:], "/")
	names := map[string]bool{}
	for i, segment := range segments {
		last := i == len(segments)-1
		if err := checkSegment(segment, last, names); err != nil {
			return err
		}
	}
	return nil
}

func checkSegment(segment string, last bool, names map[string]bool) error {
	switch {
	case segment == "" && !last:
		return errors.New("the path has two slashes in a row, which no request will match")
	case segment == "." || segment == "..":
		return errors.New("the path has a . or .. part, which no request will match")
	case strings.ContainsAny(segment, "?#%"):
		return errors.New("the path is written without query, fragment and %-escapes")
	case strings.ContainsAny(segment, "{}"):
		return fmt.Errorf("%q: a parameter is written with a colon, as in /deploy/:service", segment)
	case strings.ContainsFunc(segment, unicode.IsSpace):
		return fmt.Errorf("%q: a path has no blanks", segment)
	case strings.HasPrefix(segment, "*") && !last:
		return fmt.Errorf("%s takes all that is left, so it can only stand at the end", segment)
	case !strings.HasPrefix(segment, ":") && !strings.HasPrefix(segment, "*"):
		if strings.ContainsAny(segment, ":*") {
			return fmt.Errorf("%q: a parameter is a whole part of the path, as in /deploy/:service", segment)
		}
		return nil
	}
	name := segment[1:]
	if !envName.MatchString(name) {
		return fmt.Errorf("%q: a parameter needs a name of letters, digits and _", segment)
	}
	if names[name] {
		return fmt.Errorf("the parameter %q stands in the path twice", name)
	}
	names[name] = true
	return nil
}

// A pathTree holds paths by their parts, so that a new one is only compared with
// those that begin alike. The zero value is empty.
type pathTree struct {
	below map[string]*pathTree
	first string // of the paths through here, by the alphabet
	ends  bool   // one of them ends here

	parameter bool // one of the parts below is a parameter
}

// add adds a path. Where it cannot stand beside one that is there already, that
// one comes back, with the reason, and it is not added: where one has a parameter,
// the other must have the same one, so that a request never has two hooks to
// choose from.
func (t *pathTree) add(path string) (other, reason string) {
	at := t
	parts := strings.Split(path[1:], "/")
	for _, part := range parts {
		if other := at.rival(part); other != "" {
			return other, fmt.Sprintf("the path cannot stand beside %s: a request could mean both, or neither has a clear name for its part", other)
		}
		if at = at.below[part]; at == nil {
			break
		}
	}
	if at != nil && at.ends {
		return path, fmt.Sprintf("the path %s is there already", path)
	}
	at = t
	for _, part := range parts {
		if at.below == nil {
			at.below = map[string]*pathTree{}
		}
		next := at.below[part]
		if next == nil {
			next = &pathTree{first: path}
			at.below[part] = next
			at.parameter = at.parameter || isParameter(part)
		}
		at = next
		at.first = min(at.first, path)
	}
	at.ends = true
	return "", ""
}

// rival is the first path that has something else in the place of a part, where
// one of the two is a parameter; "" if there is none.
func (t *pathTree) rival(part string) (first string) {
	if !isParameter(part) && !t.parameter {
		return ""
	}
	for other, below := range t.below {
		if other != part && (isParameter(other) || isParameter(part)) && (first == "" || below.first < first) {
			first = below.first
		}
	}
	return first
}

func isParameter(segment string) bool {
	return strings.HasPrefix(segment, ":") || strings.HasPrefix(segment, "*")
}

// Match tells whether a requested path, decoded, is the hook's, and what its
// parameters are.
func (h *Hook) Match(path string) (params map[string]string, ok bool) { return matchPath(h.Path, path) }

// matchPath tells whether a requested path, decoded, is a hook's, and what its
// parameters are: :name is one part, *name all that is left with its slash.
func matchPath(hook, path string) (params map[string]string, ok bool) {
	params = map[string]string{}
	if !strings.HasPrefix(path, "/") { // a watch
		return params, hook == path
	}
	for hook != "" {
		want, hookRest := segment(hook)
		have, rest := segment(path)
		switch {
		case strings.HasPrefix(want, "/*") && path != "":
			params[want[2:]] = path
			return params, true
		case strings.HasPrefix(want, "/:") && len(have) > 1:
			params[want[2:]] = have[1:]
		case want != have:
			return nil, false
		}
		hook, path = hookRest, rest
	}
	return params, path == ""
}

// segment cuts off the first part of a path with the slash in front of it.
func segment(path string) (first, rest string) {
	if path == "" {
		return "", ""
	}
	if i := strings.IndexByte(path[1:], '/'); i >= 0 {
		return path[:i+1], path[i+1:]
	}
	return path, ""
}
