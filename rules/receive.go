package rules

import (
	"errors"
	"io/fs"
	"os"

	"github.com/hooktender/hooktender/rules/verify"
)

// receiving is a file that keeps a secret which the provider itself brings.
type receiving struct {
	at    node
	path  string // absolute
	armed bool   // it is not there, and the hook waits for what belongs into it
}

// receive reads the name of such a file. If it is there the secret is as that of
// ${file:…}. If not, the hook believes nobody until the secret has come; a machine
// that need not have the secrets waits for none.
func (p *proof) receive(param string, n node) {
	p.received = true
	path := n.folder()
	if path == "" {
		return // which is told
	}
	ref := Reference("file:" + path)
	_, err := os.Lstat(path) // a link that leads nowhere is no place for a secret
	armed := errors.Is(err, fs.ErrNotExist) && !n.d.lenient
	n.d.receiving = append(n.d.receiving, receiving{n, path, armed})
	if !armed {
		p.secrets = append(p.secrets, n.read(ref))
		return
	}
	n.d.asked[ref] = true
	p.params[param] = path
	p.secrets = append(p.secrets, verify.Unknown())
}

// checkReceived sees to it that there is one place of the secret.
func (p *proof) checkReceived(n node) {
	param, does := p.scheme.Receives()
	if !does {
		return
	}
	secret := p.scheme.SecretName()
	switch given := settingsOf(n)[secret].Node != nil; {
	case given && p.received:
		n.problem("%s and %s exclude each other: write %s alone, or %s alone for the file that keeps what the provider brings", secret, param, secret, param)
	case !given && !p.received:
		n.problem("%s is missing; write it, or %s: FILE for one that the provider brings", secret, param)
	}
}

// received warns of the hooks that wait for their secret, and notes the files of
// those that have it.
func (l *linter) received(files []receiving) {
	for _, r := range files {
		if r.armed {
			l.warn(r.at, "the hook waits for its secret; whoever sends first gives it: have the provider send it now, and %s keeps it", r.at.Value)
		} else {
			l.report.Exposed = append(l.report.Exposed, SecretFile{Path: r.path, At: placeOf(r.at)})
		}
	}
}
