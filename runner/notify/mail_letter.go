package notify

import (
	"fmt"
	netmail "net/mail"
	"slices"
	"strings"
	"unicode"

	gomail "github.com/wneessen/go-mail"
)

// subjectRunes is how much of a subject is shown anywhere, and more.
const subjectRunes = 150

// A letter is a mail that is ready for the server.
type letter struct {
	from    string   // in angle brackets
	to      []string // the same, each once
	utf8    bool     // an address is not in ASCII (RFC 6531)
	message *gomail.Msg
}

// compose writes the message (RFC 5322, RFC 2045). Nothing of the header comes
// from outside but through a parser of addresses, or as one line.
func (m *mail) compose(at *mailServer) (*letter, error) {
	sender := m.from
	if sender == "" && strings.Contains(at.user, "@") {
		sender = at.user
	}
	if sender == "" {
		return nil, fmt.Errorf("mail by %s: no sender: set from to an address that the server lets you send as", at.host)
	}
	from, err := parseAddress(sender)
	if err != nil {
		return nil, fmt.Errorf("mail by %s: sender: %w", at.host, err)
	}
	l := &letter{from: envelope(from), utf8: !isASCII(from.Address),
		message: gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithEncoding(gomail.EncodingQP))}
	l.message.FromMailAddress(from)
	for _, s := range m.to {
		to, err := parseAddress(s)
		if err != nil {
			return nil, fmt.Errorf("mail by %s: recipient: %w", at.host, err)
		}
		if slices.Contains(l.to, envelope(to)) {
			continue
		}
		l.to = append(l.to, envelope(to))
		l.utf8 = l.utf8 || !isASCII(to.Address)
		l.message.AddToMailAddress(to)
	}
	if len(l.to) == 0 {
		return nil, fmt.Errorf("mail by %s: nobody to send it to: set to", at.host)
	}
	if m.replyTo != "" {
		reply, err := parseAddress(m.replyTo)
		if err != nil {
			return nil, fmt.Errorf("mail by %s: reply to: %w", at.host, err)
		}
		l.message.ReplyToMailAddress(reply)
	}
	l.message.Subject(cutLine(m.subject, subjectRunes))
	l.message.SetDate()
	l.message.SetMessageIDWithValue(messageID(m.id, from.Address))
	// RFC 3834: nobody's absence note is to answer.
	l.message.SetGenHeader("Auto-Submitted", "auto-generated")
	l.message.SetBodyString(gomail.TypeTextPlain, m.text)
	if m.html != "" {
		l.message.AddAlternativeString(gomail.TypeTextHTML, m.html)
	}
	return l, nil
}

// parseAddress reads exactly one address: what a payload names must not become
// many.
func parseAddress(s string) (*netmail.Address, error) {
	a, err := netmail.ParseAddress(s)
	if err != nil {
		return nil, fmt.Errorf("%q is no address: %w", cutLine(s, 100), err)
	}
	a.Name = cutLine(a.Name, 100)
	return a, nil
}

// envelope is an address as SMTP wants it, quoted where it must be.
func envelope(a *netmail.Address) string {
	return (&netmail.Address{Address: a.Address}).String()
}

// messageID gives an id the form of RFC 5322, section 3.6.4.
func messageID(id, from string) string {
	if !strings.Contains(id, "@") {
		id += from[strings.LastIndexByte(from, '@'):]
	}
	left, right, _ := strings.Cut(id, "@")
	return idAtom(left) + "@" + idAtom(right)
}

func idAtom(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '.' || r == '_' || !isNoHostRune(r) {
			return r
		}
		return '-'
	}, s)
	return strings.Trim(s, ".")
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}

// cutLine makes one line of a text, of at most so many characters. It is cut
// between words where that costs little, and never inside a character.
func cutLine(s string, most int) string {
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "\uFFFD"), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
	}), " ")
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	end := most - 1 // for the dots
	for end > 0 && oneCharacter(runes[end-1], runes[end]) {
		end--
	}
	for space := end; space >= end-most/4 && space > 0; space-- {
		if runes[space] == ' ' {
			end = space
			break
		}
	}
	return string(runes[:end]) + "…"
}

// oneCharacter tells whether two runes are shown as one, as far as is worth
// knowing here: accents, variants of emoji, and those put together.
func oneCharacter(a, b rune) bool {
	const joiner = '\u200d'
	return a == joiner || b == joiner || unicode.In(b, unicode.Mn, unicode.Me, unicode.Variation_Selector) || b >= 0x1F3FB && b <= 0x1F3FF
}
