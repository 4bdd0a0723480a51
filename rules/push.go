package rules

import (
	"fmt"
	"strings"
)

// What branch, tag and touched read of a payload.
var (
	refPaths = [][]string{{"ref"}, {"deleted"}, {"after"}, {"push", "changes"}, {"changes"}}

	filePaths = [][]string{{"commits"}, {"total_commits_count"}, {"total_commits"}, {"head_commit", "id"},
		{"push", "changes"}, {"changes"}}
)

// pushed returns the name of the branch or the tag that a push has put something
// on; kind is "heads" or "tags". It is nil for a push of the other kind, for one
// that deletes, and for what is no push.
//
// GitHub, GitLab, Gitea, Forgejo and Gogs send one push a ref. Bitbucket sends
// push.changes (Data Center: changes), one for each ref.
func pushed(m *meter, payload any, kind string) (any, error) {
	changes, err := first(payload, []any{"push", "changes"}, []any{"changes"})
	if err != nil {
		return nil, err
	}
	if list, ok := changes.([]any); ok {
		return pushedChanges(m, list, kind)
	}
	ref, err := get(payload, "ref")
	if err != nil {
		return nil, err
	}
	gone, err := deletes(payload)
	if err != nil || gone {
		return nil, err
	}
	return refName(ref, kind)
}

// first returns the first value there is at one of the paths.
func first(payload any, paths ...[]any) (any, error) {
	for _, path := range paths {
		value, err := get(append([]any{payload}, path...)...)
		if err != nil || value != nil {
			return value, err
		}
	}
	return nil, nil
}

// deletes tells whether a push deletes its ref: GitHub says so, the others send
// an object name of zeros.
func deletes(payload any) (bool, error) {
	deleted, err := get(payload, "deleted")
	if err != nil {
		return false, err
	}
	after, err := get(payload, "after")
	if err != nil {
		return false, err
	}
	name, _ := after.(string)
	return deleted == true || name != "" && len(name) <= 64 && strings.Trim(name, "0") == "", nil
}

func refName(ref any, kind string) (any, error) {
	switch ref := ref.(type) {
	case nil:
		return nil, nil
	case string:
		if name, ok := strings.CutPrefix(ref, "refs/"+kind+"/"); ok && name != "" {
			return name, nil
		}
		return nil, nil
	}
	return nil, fmt.Errorf("ref is %s, and a push has a text there", describe(ref))
}

// pushedChanges is for Bitbucket, whose push may be for several refs.
func pushedChanges(m *meter, changes []any, kind string) (any, error) {
	if err := m.take(len(changes)); err != nil {
		return nil, err
	}
	var only any
	for _, change := range changes {
		name, err := changedRef(change, kind)
		if err != nil {
			return nil, err
		}
		if only != nil && name != nil && name != only {
			return nil, fmt.Errorf("the push is for %s and %s at once; ask for one of them, as in any(push.changes, .new.name == \"main\")", describe(only), describe(name))
		}
		if name != nil {
			only = name
		}
	}
	return only, nil
}

// changedRef reads one change: {"new": {"type": "branch", "name": "main"}} of
// Bitbucket Cloud, new being null where it was deleted, and {"ref": {"id":
// "refs/heads/main"}, "type": "UPDATE"} of Bitbucket Data Center.
func changedRef(change any, kind string) (any, error) {
	id, err := get(change, "ref", "id")
	if err != nil {
		return nil, err
	}
	if id != nil {
		if what, err := get(change, "type"); err != nil || what == "DELETE" {
			return nil, err
		}
		return refName(id, kind)
	}
	what, err := get(change, "new", "type")
	if err != nil || what != map[string]string{"heads": "branch", "tags": "tag"}[kind] {
		return nil, err
	}
	name, err := get(change, "new", "name")
	if _, ok := name.(string); err == nil && !ok {
		return nil, fmt.Errorf("push.changes has a name that is %s", describe(name))
	}
	return name, err
}
