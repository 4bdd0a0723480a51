package main

import "github.com/hooktender/hooktender/rules"

// A consequence is all that follows when one rule fires.
type consequence struct {
	rule     string
	commands []*rules.Command // one for each action, what it runs first
	told     []rules.Notice   // at once or later
}

// consequencesOf gathers actions by their rules, in order.
func consequencesOf(actions []rules.Action) (list []consequence) {
	for _, a := range actions {
		if n := len(list); n == 0 || list[n-1].rule != a.Rule {
			list = append(list, consequence{rule: a.Rule, told: a.Command.Tell})
		}
		last := &list[len(list)-1]
		last.commands = append(last.commands, a.Command)
		if n := a.Command.Notification; n != nil {
			last.told = append(last.told, rules.Notice{To: n.To, Message: n.Message, Address: n.Address, Commit: n.Commit})
		}
	}
	return list
}

// main is the command that the rule is there for: what it runs or, without that,
// the first of the others.
func (c *consequence) main() *rules.Command { return c.commands[0] }
