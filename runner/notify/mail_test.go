package notify

import "testing"

func TestCheckMailServer(t *testing.T) {
	for _, c := range []struct{ url, want string }{
		{"smtps://ops@mail.example.com", ""},
		{"smtp://mail.example.com?starttls=off", ""},
		{"smtp://ops@mail.example.com?starttls=off", "mail server mail.example.com: a password is never sent in plain text: take ops out of the URL, or starttls=off"},
		{"smtp://ops@localhost", ""},
		{"smtp://ops:Sesame@mail.example.com", "mail server mail.example.com: the password is in the URL: set password beside it, as in ${credential:smtp}"},
		{"smtp://o ps:Sesame@mail.example.com", "the URL of the mail server cannot be read: want smtps://user@host or smtp://user@host"},
		{"https://mail.example.com", `mail server mail.example.com: the scheme is "https": want smtps (TLS, port 465) or smtp (STARTTLS, port 587)`},
		{"mail.example.com:587", "the URL of the mail server names no host: want smtps://user@host or smtp://user@host"},
		{"smtp://mail.example.com:0", `mail server mail.example.com: "0" is no port`},
		{"smtps://mail.example.com?starttls=off", "mail server mail.example.com: starttls is for smtp://; smtps:// speaks TLS from the start"},
		{"smtp://mail.example.com?starttls=maybe", "mail server mail.example.com: starttls=maybe is not known: want off or required"},
		{"smtps://mail.example.com?auth=ntlm", "mail server mail.example.com: auth=ntlm is not known: want one of scram-sha-256, scram-sha-1, plain, login, cram-md5, xoauth2"},
		{"smtps://mail.example.com?tls=1", "mail server mail.example.com: tls is no setting of a server's URL: want starttls or auth"},
	} {
		got := ""
		if err := CheckMailServer(c.url); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.url, got, c.want)
		}
	}
}
