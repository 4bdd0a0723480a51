package rules

import (
	"errors"

	"gopkg.in/yaml.v3"

	"github.com/hooktender/hooktender/rules/verify"
)

// standIn takes the place of a secret that cannot be read. Nobody is judged by
// it, other than what was signed with it.
func (d *decoder) standIn(ref Reference, err error) verify.Secret {
	d.missing[ref] = err
	d.unread = append(d.unread, err)
	return verify.StandIn
}

// isUnread tells that a value holds a reference that could not be read.
func (n node) isUnread() bool {
	if len(n.d.missing) == 0 || n.Kind != yaml.ScalarNode {
		return false
	}
	text, err := parseReferences(n.Value, n.file.folder())
	if err != nil {
		return false
	}
	for _, part := range text {
		if n.d.missing[part.Ref] != nil {
			return true
		}
	}
	return false
}

// unreadIn returns what could not be read while read was at work.
func (n node) unreadIn(read func()) error {
	before := len(n.d.unread)
	read()
	return errors.Join(n.d.unread[before:]...)
}
