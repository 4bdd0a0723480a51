package notify

import (
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// received sends a mail and reads what arrived as a program for mail would.
func received(t *testing.T, f *fakeMail, m *mail) (netmail.Header, map[string]string) {
	t.Helper()
	if err := m.send(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := f.arrived()
	msg, err := netmail.ReadMessage(strings.NewReader(all[len(all)-1].data))
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]string{}
	read := func(header func(string) string, r io.Reader) {
		kind, params, err := mime.ParseMediaType(header("Content-Type"))
		if err != nil || params["charset"] != "UTF-8" || header("Content-Transfer-Encoding") != "quoted-printable" {
			t.Errorf("part: %v %v %v", kind, params, err)
		}
		b, err := io.ReadAll(quotedprintable.NewReader(r))
		if err != nil {
			t.Fatal(err)
		}
		parts[kind] = strings.ReplaceAll(string(b), "\r\n", "\n")
	}
	kind, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	if kind != "multipart/alternative" {
		read(msg.Header.Get, msg.Body)
		return msg.Header, parts
	}
	for r := multipart.NewReader(msg.Body, params["boundary"]); ; {
		part, err := r.NextRawPart()
		if err == io.EOF {
			return msg.Header, parts
		} else if err != nil {
			t.Fatal(err)
		}
		read(part.Header.Get, part)
	}
}

func TestMailOnTheWire(t *testing.T) {
	f := newFakeMail(t, func(f *fakeMail) { f.extensions = nil }) // not even 8BITMIME
	m := f.mail(t, "?starttls=required")
	m.from, m.replyTo = "Hooktender für Läufe <ops@example.com>", "night@example.com"
	m.to = []string{"Zoë <zoe@example.com>", "night@example.com"}
	m.subject = "café: déploiement échoué ✗ " + strings.Repeat("long ", 20)
	m.text = ".\n..\n.hidden\nfrom here\n" + strings.Repeat("x", 5000) + "\nüber\x00\rgone\n\n.\n"
	m.html = "<p>" + strings.Repeat("ü", 3000) + "</p>"
	header, parts := received(t, f, m)

	text := strings.TrimRight(strings.ReplaceAll(parts["text/plain"], "\r", "\n"), "\n")
	if want := strings.TrimRight(strings.ReplaceAll(m.text, "\r", "\n"), "\n"); text != want {
		t.Errorf("text: %.200q", text)
	}
	if strings.TrimSpace(parts["text/html"]) != m.html {
		t.Errorf("html: %.100q", parts["text/html"])
	}
	word := new(mime.WordDecoder)
	if subject, err := word.DecodeHeader(header.Get("Subject")); err != nil || subject != strings.TrimSpace(m.subject) {
		t.Errorf("subject %q, %v", subject, err)
	}
	for name, want := range map[string]string{"From": `Hooktender für Läufe <ops@example.com>`, "To": `Zoë <zoe@example.com>, <night@example.com>`, "Reply-To": `<night@example.com>`} {
		list, err := header.AddressList(name)
		var got []string
		for _, a := range list {
			got = append(got, strings.TrimSpace(a.Name+" <"+a.Address+">"))
		}
		if err != nil || strings.Join(got, ", ") != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if sent, err := header.Date(); err != nil || time.Since(sent) > time.Hour {
		t.Errorf("date %v, %v", sent, err)
	}
	if header.Get("Auto-Submitted") != "auto-generated" || header.Get("Mime-Version") != "1.0" || header.Get("X-Mailer")+header.Get("User-Agent") != "" {
		t.Errorf("header: %v", header)
	}
	// Another attempt is the same mail.
	again, _ := received(t, f, m)
	if id := header.Get("Message-Id"); id != "<d1b2-run-7@example.com>" || again.Get("Message-Id") != id {
		t.Errorf("ids %q and %q", id, again.Get("Message-Id"))
	}
}

// TestMailHeaderIsClosed has what an event may bring, trying to write a header.
func TestMailHeaderIsClosed(t *testing.T) {
	f := newFakeMail(t, nil)
	for _, bad := range []string{"\r\nBcc: eve@example.com\r\n\r\nyes", "\nBcc: eve@example.com", "\rBcc: eve@example.com", "\u2028Bcc: eve@example.com", "\x00\x1b[2J", "=?utf-8?q?=0D=0ABcc:_eve@example.com?="} {
		m := f.mail(t, "?starttls=required")
		m.subject, m.id, m.text = "failed"+bad, "run"+bad, bad
		m.from = "=?utf-8?q?a=0D=0ABcc=3A_eve?= <ops@example.com>"
		header, _ := received(t, f, m)
		if header.Get("Bcc") != "" || len(header) != 9 {
			t.Errorf("%q: %v", bad, header)
		}
		if id := header.Get("Message-Id"); strings.Count(id, "@") != 1 || strings.ContainsAny(id, " \r\n\x00") {
			t.Errorf("%q: id %q", bad, id)
		}
		all := f.arrived()
		if last := all[len(all)-1]; !slices.Equal(last.to, []string{"<night@example.com>"}) {
			t.Errorf("%q: %v", bad, last)
		}
	}
}

func TestMailInternational(t *testing.T) {
	f := newFakeMail(t, func(f *fakeMail) { f.extensions = append(f.extensions, "SMTPUTF8") })
	m := f.mail(t, "?starttls=required")
	received(t, f, m)
	if strings.Contains(f.asked(), "SMTPUTF8") {
		t.Errorf("asked for without need:\n%s", f.asked())
	}
	m.to = []string{`"odd name"@example.com`, "jürgen@example.com"}
	received(t, f, m)
	if got := f.arrived()[1].to; !slices.Equal(got, []string{`<"odd name"@example.com>`, "<jürgen@example.com>"}) || !strings.Contains(f.asked(), " SMTPUTF8") {
		t.Errorf("to %q:\n%s", got, f.asked())
	}
}

func TestMessageID(t *testing.T) {
	for _, c := range []struct{ id, from, want string }{
		{"d1b2-run-7", "ops@example.com", "d1b2-run-7@example.com"},
		{"run-7@host", "ops@example.com", "run-7@host"},
		{"ä run <7>@host@b", "ops@example.com", "--run--7-@host-b"},
		{".a.", "ops@bücher.example", "a@b-cher.example"},
	} {
		if got := messageID(c.id, c.from); got != c.want {
			t.Errorf("%s: %s, want %s", c.id, got, c.want)
		}
	}
}

func TestCutLine(t *testing.T) {
	for _, c := range []struct {
		s    string
		most int
		want string
	}{
		{" a\r\n\tb\u2028c ", 10, "a b c"},
		{"deploy of website failed", 24, "deploy of website failed"},
		{"deploy of website failed", 23, "deploy of website…"},
		{"deploy-of-website-failed", 10, "deploy-of…"},
		{"abcde\u0301\u0301", 6, "abcd…"}, // the accents belong to the e
		{"ab👩‍🚀cd", 5, "ab…"},
		{"a\xffb", 5, "a\uFFFDb"},
		{"", 5, ""},
	} {
		if got := cutLine(c.s, c.most); got != c.want {
			t.Errorf("%q: %q, want %q", c.s, got, c.want)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"a@example.com", "A B <a@example.com>", `"x\"y" <"a b"@example.com>`, "=?utf-8?q?a=0Ab?= <a@b>", "a@b, c@d", "(x)a@[127.0.0.1]", "group: a@b;"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := parseAddress(s)
		if err != nil {
			return
		}
		path := envelope(a)
		if strings.ContainsAny(path+a.Name, "\r\n\x00") || !strings.HasPrefix(path, "<") || !strings.HasSuffix(path, ">") {
			t.Errorf("%q: %q %q", s, a.Name, path)
		}
		again, err := netmail.ParseAddress(path)
		if err != nil || again.Address != a.Address {
			t.Errorf("%q: %q is not the same address: %v, %v", s, path, again, err)
		}
	})
}

func FuzzCutLine(f *testing.F) {
	f.Add("a\r\nb 👩‍🚀 e\u0301", 3)
	f.Fuzz(func(t *testing.T, s string, most int) {
		most = 2 + most&0xff
		got := cutLine(s, most)
		if n := utf8.RuneCountInString(got); n > most || !utf8.ValidString(got) || strings.ContainsAny(got, "\r\n\u2028\u2029") {
			t.Errorf("%q to %d: %q", s, most, got)
		}
	})
}
