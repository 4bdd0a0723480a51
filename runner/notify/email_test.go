package notify

import (
	"fmt"
	"io"
	"mime/quotedprintable"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hooktender/hooktender/rules"
)

func emailStage(t *testing.T) (*stage, *fakeMail) {
	server := newFakeMail(t, func(f *fakeMail) { f.noStartTLS, f.plainAuth = true, true })
	t.Setenv("SMTP_PASSWORD", mailPassword)
	return newStage(t, fmt.Sprintf(`email: {smtp: "smtp://%s@%s", password: "${env:SMTP_PASSWORD}", to: [a@example.com, b@example.com], reply_to: c@example.com}`,
		mailUser, server.listener.Addr())), server
}

func TestEmail(t *testing.T) {
	s, server := emailStage(t)
	s.notification().Message = rules.Plain("a < b")
	s.good(t)
	arrived := server.arrived()
	if len(arrived) != 1 || arrived[0].from != "<"+mailUser+">" || len(arrived[0].to) != 2 {
		t.Fatalf("%+v", arrived)
	}
	text, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(arrived[0].data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Reply-To: <c@example.com>", "\na < b\r\n", "Commit: 6113728 Fix the header (Jane) https://github.com/", "<p style=\"white-space:pre-wrap\">a &lt; b</p>",
		"error: no space</pre>", `<a href="https://hooks.internal/runs/42">run 42</a>`, "Message-ID: <hooktender-43-",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is not in %s", want, text)
		}
	}
	if got := s.output.String(); !strings.Contains(got, "a@example.com") || strings.Contains(got, mailPassword) {
		t.Errorf("the output is %q", got)
	}
}

func TestEmailHostile(t *testing.T) {
	for _, times := range []int{1, 60} {
		s, server := emailStage(t)
		s.hostileEverywhere(times)
		s.good(t)
		data := server.arrived()[0].data
		_, page, _ := strings.Cut(data, "<!DOCTYPE")
		decoded, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(page)))
		if err != nil && !strings.Contains(err.Error(), "invalid") {
			t.Fatal(err)
		}
		for _, link := range regexp.MustCompile(`(?i)<(a href="([^"]*)"|script|img)`).FindAllStringSubmatch(string(decoded), -1) {
			if !strings.HasPrefix(link[2], "https://example.com/") && !strings.HasPrefix(link[2], "https://hooks.internal/") {
				t.Errorf("a forged element: %s", link[0])
			}
		}
	}
}

// Somebody outside gets what the rule says, and nothing of how it came to that.
func TestEmailToOthers(t *testing.T) {
	s, server := emailStage(t)
	s.notification().Message = rules.Plain("Your payment failed\n\nPlease look at your card.")
	s.notification().Address = "ada@example.net"
	s.good(t)
	arrived := server.arrived()
	if len(arrived) != 1 || len(arrived[0].to) != 1 || arrived[0].to[0] != "<ada@example.net>" {
		t.Fatalf("%+v", arrived)
	}
	text, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(arrived[0].data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Subject: Your payment failed\r\n", "\nPlease look at your card.\r\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is not in %s", want, text)
		}
	}
	for _, inside := range []string{"hooks.internal", "6113728", "no space", "Rule", "run 42", "a@example.com"} {
		if strings.Contains(string(text), inside) {
			t.Errorf("%q is in %s", inside, text)
		}
	}
}

// TestEmailAgain: the next attempt of a run is for those who have not got it yet,
// and nothing is remembered when nobody waits any more.
func TestEmailAgain(t *testing.T) {
	s, server := emailStage(t)
	server.answer = func(line string) string {
		return map[string]string{"RCPT TO:<b@example.com>": "451 4.7.1 greylisted"}[line]
	}
	if failed := s.refused(t, "1 of 2 recipients have the mail, not all: RCPT TO:<b@example.com>: 451 4.7.1 greylisted"); failed.Final {
		t.Error("it is final")
	}
	s.run.ID++ // another is told the same
	s.refused(t, "1 of 2 recipients")
	s.run.ID--
	server.answer = nil
	s.good(t)
	var to []string
	for _, one := range server.arrived() {
		to = append(to, strings.Join(one.to, " "))
	}
	if want := []string{"<a@example.com>", "<a@example.com>", "<b@example.com>"}; !slices.Equal(to, want) {
		t.Errorf("it came to %q, want %q", to, want)
	}
	if n := len(s.performer.mails.runs); n != 1 {
		t.Errorf("%d runs are remembered, want that of the other", n)
	}
	s.good(t) // as after a restart
	if last := server.arrived()[3]; len(last.to) != 2 {
		t.Errorf("a run of which nothing is known comes to %v", last.to)
	}
}

func TestHalfwayIsBounded(t *testing.T) {
	var h halfway
	has := &progress{has: map[string]bool{"<a@example.com>": true}}
	for run := range int64(maxHalfway + 10) {
		h.keep(run, has)
		h.keep(run, has)
	}
	if len(h.runs) != maxHalfway || len(h.order) != maxHalfway || h.of(9) == has || h.of(10) != has || h.of(maxHalfway+9) != has {
		t.Errorf("%d runs, %d in order", len(h.runs), len(h.order))
	}
	h.keep(10, newProgress())
	h.keep(11, nil)
	if len(h.runs) != maxHalfway-2 || len(h.order) != maxHalfway-2 {
		t.Errorf("%d runs, %d in order, after two have ended", len(h.runs), len(h.order))
	}
}
