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

// conflict says why two paths cannot stand beside each other, "" if they can:
// where one has a parameter, the other must have the same one, so that a
// request never has two hooks to choose from.
func conflict(a, b string) string {
	if a == b {
		return fmt.Sprintf("the path %s is there already", a)
	}
	as, bs := strings.Split(a[1:], "/"), strings.Split(b[1:], "/")
	for i := range min(len(as), len(bs)) {
		if as[i] == bs[i] {
			continue
		}
		if isParameter(as[i]) || isParameter(bs[i]) {
			return fmt.Sprintf("the path cannot stand beside %s: a request could mean both, or neither has a clear name for its part", a)
		}
		return ""
	}
	return ""
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
