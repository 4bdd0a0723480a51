package rules

import (
	"errors"
	"fmt"
	"strings"
)

// How many commits and files of a push providers list at most.
//
//   - GitHub: 2048 commits, 3000 files of each
//     (https://docs.github.com/en/webhooks/webhook-events-and-payloads#push)
//   - GitLab: 20 commits, and total_commits_count
//     (https://docs.gitlab.com/user/project/integrations/webhook_events/#push-events)
//   - Gitea, Forgejo: FEED_MAX_COMMIT_NUM commits, 5 unless set, and total_commits
//   - Gogs: the same, but it does not say how many there were
const (
	maxListedCommits   = 2048
	maxListedFiles     = 3000
	maxListedUncounted = 5
)

var (
	errNoFiles = errors.New("touched cannot say which files changed: the payload lists none with its commits; only pushes of GitHub, GitLab, Gitea, Forgejo and Gogs do")
	errChanges = errors.New("touched cannot say which files changed: Bitbucket does not list them in a push")
)

// touched tells whether a push adds, modifies or removes a file that one of the
// globs takes; a later one that begins with ! excepts some again. Where the
// provider has not listed all commits or files, no is no answer but an error.
func touched(m *meter, payload any, globs []*pattern) (bool, error) {
	commits, err := pushedCommits(payload)
	if err != nil {
		return false, err
	}
	all := true
	for i, commit := range commits {
		files, err := changedFiles(commit)
		if err != nil {
			return false, fmt.Errorf("commits[%d]: %w", i, err)
		}
		if err := m.take(1 + len(files)); err != nil {
			return false, err
		}
		for _, file := range files {
			if found, err := takes(m, globs, file); found || err != nil {
				return found, err
			}
		}
		all = all && len(files) < maxListedFiles
	}
	if !all {
		return false, fmt.Errorf("touched cannot say no: the payload lists %d files or more of a commit, and perhaps not all", maxListedFiles)
	}
	return false, checkAllListed(payload, len(commits))
}

func pushedCommits(payload any) ([]any, error) {
	commits, err := get(payload, "commits")
	if err != nil {
		return nil, err
	}
	if list, ok := commits.([]any); ok {
		return list, nil
	}
	changes, err := first(payload, []any{"push", "changes"}, []any{"changes"})
	_, ofRefs := changes.([]any)
	switch {
	case err != nil:
		return nil, err
	case ofRefs:
		return nil, errChanges
	case commits == nil:
		return nil, errors.New("touched cannot say which files changed: commits is missing, so this is no push")
	}
	return nil, fmt.Errorf("commits is %s, and a push has a list there", describe(commits))
}

// changedFiles lists the files of a commit. Gitea and Gogs write an empty list
// as null.
func changedFiles(commit any) ([]string, error) {
	fields, ok := commit.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("is %s, and a commit is an object", describe(commit))
	}
	var files []string
	listed := false
	for _, name := range []string{"added", "modified", "removed"} {
		value, there := fields[name]
		list, ok := value.([]any)
		if value != nil && !ok {
			return nil, fmt.Errorf("%s is %s, and a push has a list there", name, describe(value))
		}
		listed = listed || there
		for _, file := range list {
			name, ok := file.(string)
			if !ok {
				return nil, fmt.Errorf("a file's name is %s", describe(file))
			}
			files = append(files, name)
		}
	}
	if !listed {
		return nil, errNoFiles
	}
	return files, nil
}

// takes tells what the last glob that matches says.
func takes(m *meter, globs []*pattern, file string) (bool, error) {
	taken := false
	for _, glob := range globs {
		matched, err := glob.matches(m, file)
		if err != nil {
			return false, err
		}
		if matched {
			taken = !glob.except
		}
	}
	return taken, nil
}

// checkAllListed is an error if the push may have had more commits than are
// listed.
func checkAllListed(payload any, listed int) error {
	total, err := first(payload, []any{"total_commits_count"}, []any{"total_commits"})
	if err != nil {
		return err
	}
	if count, ok := total.(int); ok {
		if count > listed {
			return fmt.Errorf("touched cannot say no: the payload lists %d of %d commits", listed, count)
		}
		return nil
	}
	most := maxListedCommits
	if head, err := get(payload, "head_commit", "id"); err != nil {
		return err
	} else if head == nil { // Gogs has none
		most = maxListedUncounted
	}
	if listed >= most {
		return fmt.Errorf("touched cannot say no: the payload lists %d commits, and perhaps not all", listed)
	}
	return nil
}

func compileTouched(_ int, literal string) (any, error) {
	glob, except := strings.CutPrefix(literal, "!")
	p, err := compileGlob(glob)
	if err != nil {
		return nil, err
	}
	return &pattern{source: literal, except: except, program: p.program, size: p.size}, nil
}

func callTouched(params ...any) (any, error) {
	m := params[0].(*meter)
	var globs []*pattern
	for _, argument := range params[2:] {
		if source, ok := argument.(string); ok {
			glob, except := strings.CutPrefix(source, "!")
			p, err := compileForeignGlob(m, glob)
			if err != nil {
				return nil, err
			}
			p.except = except
			argument = p
		}
		p, ok := argument.(*pattern)
		if !ok {
			return nil, fmt.Errorf("touched needs globs, and one is %s", describe(argument))
		}
		globs = append(globs, p)
	}
	return touched(m, params[1], globs)
}
