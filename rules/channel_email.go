package rules

import (
	"net/mail"
	"net/url"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Email is people who are told by e-mail.
type Email struct {
	SMTP     *url.URL // smtp://user@host:port or smtps://…, without a password; ?starttls= and ?auth= as set
	Password Text     // empty for a server that asks for none
	From     string   // an address, perhaps with a name
	ReplyTo  string   // "" for the sender
	To       []string

	startTLS, auth string
}

func (e *Email) settings() []setting {
	return []setting{
		{"smtp", form{e.readSMTP, aText("URL")}, "the server and the user: `smtps://user@mail.example.com` with TLS from the start (port 465), or `smtp://…` with STARTTLS (port 587)", mustBe},
		{"password", tokens.to(&e.Password), "the user's", "none"},
		{"from", mailAddresses.to(&e.From), "who it is from, as in `Hooktender <hooks@example.com>`", "the user, if that is an address"},
		{"to", form{e.readTo, either("address, or list of them", aText("address")(), listOf(aText("address")()))}, "who is told: an address, or a list of them", "whom a rule's `address` says"},
		{"reply_to", mailAddresses.to(&e.ReplyTo), "where answers go", "`from`"},
		{"starttls", startTLS.to(&e.startTLS), "with `smtp://`: `off` for a server on this network that has none; then nobody signs in", "`required`, but not on this machine"},
		{"auth", mailAuth.to(&e.auth), "the only way to sign in; with `xoauth2` the password is a token", "the best that the server offers"},
	}
}

var (
	mailAddresses = kind[string]{node.mailAddress, aText("address")}
	startTLS      = oneOf("required", "off")
	mailAuth      = oneOf("scram-sha-256", "scram-sha-1", "plain", "login", "cram-md5", "xoauth2")
)

func (e *Email) readSMTP(n node) {
	s := n.plain()
	if s == "" {
		return
	}
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.Scheme != "smtp" && u.Scheme != "smtps" || strings.Trim(u.Path, "/")+u.RawQuery != "" {
		n.problem("is not a mail server; write smtps://user@mail.example.com")
		return
	}
	if _, has := u.User.Password(); has {
		n.problem("holds the password, which would be shown with it; write it as password: \"${env:SMTP_PASSWORD}\"")
		return
	}
	e.SMTP = u
}

func (n node) mailAddress() string {
	s := n.plain()
	if s == "" {
		return ""
	}
	if _, err := mail.ParseAddress(s); err != nil {
		n.problem("%q is not an address; write ops@example.com, or \"Ops <ops@example.com>\"", n.Value)
	}
	return s
}

func (e *Email) readTo(n node) {
	elements := []node{n}
	if n.Kind == yaml.SequenceNode {
		elements = n.list()
	}
	if len(elements) == 0 {
		n.problem("is empty; write who is told, as in [ops@example.com]")
	}
	for _, one := range elements {
		if to := one.mailAddress(); !slices.Contains(e.To, to) {
			e.To = append(e.To, to)
		}
	}
}

func (e *Email) check(n node) {
	if e.SMTP == nil {
		return // could not be read, on a machine that need not
	}
	if e.From == "" {
		if _, err := mail.ParseAddress(e.SMTP.User.Username()); err != nil {
			n.problem("has no from; write who it is from, as in from: hooks@example.com")
			return
		}
		e.From = e.SMTP.User.Username()
	}
	user := e.SMTP.User.Username()
	switch {
	case e.startTLS != "" && e.SMTP.Scheme == "smtps":
		n.problem("smtps:// is TLS from the start; leave starttls out")
	case e.startTLS == "off" && user != "":
		n.problem("starttls: off would send the password where everybody on the way can read it; leave one of them out")
	case len(e.Password) > 0 && user == "":
		n.problem("has a password and no user; write the user into smtp, as in smtps://user@%s", e.SMTP.Host)
	case len(e.Password) == 0 && user != "":
		n.problem("has a user and no password; write password: \"${env:SMTP_PASSWORD}\", or leave the user out of smtp")
	}
	query := url.Values{}
	for name, value := range map[string]string{"starttls": e.startTLS, "auth": e.auth} {
		if value != "" {
			query.Set(name, value)
		}
	}
	e.SMTP.RawQuery = query.Encode()
}
