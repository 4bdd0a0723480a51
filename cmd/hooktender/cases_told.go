package main

import (
	"slices"

	"github.com/hooktender/hooktender/rules"
)

// compareTold looks for each notice that is expected among those there are. Of
// several to one place it is the one to the address that is expected.
func (r *caseResult) compareTold(want *rules.ExpectedRun, follows *consequence) {
	for _, v := range want.Notify {
		told := follows.toldTo(v.To)
		what := want.Rule + ": notify " + v.To
		if len(told) == 0 {
			r.Differences = append(r.Differences, difference{what, quotedOr(v.Message, "told"), "not told", "the rule tells nobody of that name"})
			continue
		}
		n := told[0]
		if v.Address != nil {
			if i := slices.IndexFunc(told, func(have rules.Notice) bool { return have.Address == *v.Address }); i >= 0 {
				n = told[i]
			}
			r.differ(what+" address", quoted(*v.Address), quoted(n.Address), "")
		}
		if n.Error != "" {
			r.Differences = append(r.Differences, difference{what, quotedOr(v.Message, "told"), "not told", n.Error})
			continue
		}
		if v.Message != nil {
			r.differ(what, quoted(*v.Message), quoted(n.Message.String()), "")
		}
	}
}

func quotedOr(s *string, otherwise string) string {
	if s == nil {
		return otherwise
	}
	return quoted(*s)
}

// toldTo lists the notices to a place, in their order.
func (c *consequence) toldTo(name string) (list []rules.Notice) {
	for _, n := range c.told {
		if n.To == name {
			list = append(list, n)
		}
	}
	return list
}

// status is that of a commit, nil for none: how its run does, or what the rule
// says by itself.
func (c *consequence) status() (s *rules.CommitStatus, ofRun bool) {
	for _, n := range c.told {
		if n.Status != nil {
			return n.Status, true
		}
	}
	for _, cmd := range c.commands {
		if cmd.Status != nil {
			return cmd.Status, false
		}
	}
	return nil, false
}

func (r *caseResult) compareStatus(want *rules.ExpectedRun, follows *consequence) {
	if want.Status == nil {
		return
	}
	have, ofRun := follows.status()
	if have == nil {
		r.Differences = append(r.Differences, difference{want.Rule + ": status", "of a commit", "none", "the rule sets no status"})
		return
	}
	text := func(what string, expected *string, got string) {
		if expected != nil {
			r.differ(want.Rule+": status "+what, quoted(*expected), got, "")
		}
	}
	text("repository", want.Status.Repository, quoted(have.Repository))
	text("commit", want.Status.Commit, quoted(have.Commit))
	text("context", want.Status.Context, quoted(have.Context))
	state := quoted(have.State)
	if ofRun {
		state = "what the run comes to"
	}
	text("state", want.Status.State, state)
}

// expectedNotices expects who is told what now. Two to one place cannot be told
// apart by its name, so the first counts.
func expectedNotices(f *consequence) (list []rules.ExpectedNotice) {
	for _, n := range f.told {
		if n.To == "" || n.Error != "" || slices.ContainsFunc(list, func(have rules.ExpectedNotice) bool { return have.To == n.To }) {
			continue
		}
		message := n.Message.String()
		want := rules.ExpectedNotice{To: n.To, Message: &message}
		if n.Address != "" {
			want.Address = &n.Address
		}
		list = append(list, want)
	}
	return list
}

func expectedStatus(f *consequence) *rules.ExpectedStatus {
	s, ofRun := f.status()
	if s == nil || s.Error != "" {
		return nil
	}
	want := &rules.ExpectedStatus{Repository: &s.Repository, Commit: &s.Commit, Context: &s.Context}
	if !ofRun {
		want.State = &s.State
	}
	return want
}
