package notify

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"strings"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// mailLog is how many characters of the log a mail has.
const mailLog = 20_000

// email sends the message as a mail, in plain text and in HTML.
func (s *sending) email(ctx context.Context, c *rules.Email) error {
	password, err := s.secret(c.Password)
	if err != nil {
		return err
	}
	m, to := s.message, c.To
	if n := s.job.Run.Command.Notification; n.Address != "" {
		m, to = m.forOthers(), []string{n.Address}
	}
	log := tail(m.log, mailLog, runes)
	page, err := mailPage(m, log)
	if err != nil {
		return err
	}
	letter := &mail{
		server: c.SMTP, password: password, from: c.From, replyTo: c.ReplyTo, to: to,
		subject: head(m.title, 200, runes), text: mailText(m, log), html: page, id: m.key,
		progress: s.mails.of(s.job.Run.ID),
	}
	err = letter.send(ctx)
	if failed, ok := errors.AsType[*runner.PerformError](err); err == nil || ok && failed.Final {
		s.mails.keep(s.job.Run.ID, nil)
	} else {
		s.mails.keep(s.job.Run.ID, letter.progress)
	}
	if err != nil {
		return err
	}
	s.say("mail by %s to %s: taken\n", c.SMTP.Host, strings.Join(to, ", "))
	return nil
}

// forOthers is the message for somebody outside, who is to read what the rule says
// and nothing of how it came to that.
func (m *message) forOthers() *message {
	subject, rest, _ := strings.Cut(m.said, "\n")
	return &message{title: oneLine(subject), text: strings.TrimSpace(rest), when: m.when, key: m.key, mood: info}
}

func mailText(m *message, log string) string {
	parts := []string{m.title, m.plain()}
	if log != "" {
		parts = append(parts, "The end of the output:\n\n"+log)
	}
	if m.link != "" {
		parts = append(parts, m.link)
	}
	return strings.Join(parts, "\n\n") + "\n"
}

func mailPage(m *message, log string) (string, error) {
	type detail struct{ Name, Value, URL string }
	page := struct {
		Title, Text, Color, Log, Link string
		Run                           int64
		Facts                         []detail
	}{Title: m.title, Text: m.text, Color: mailColors[m.mood], Log: log, Link: m.link, Run: m.run}
	for _, f := range m.facts {
		page.Facts = append(page.Facts, detail{f.name, f.value, f.url})
	}
	var b strings.Builder
	if err := mailTemplate.Execute(&b, page); err != nil {
		return "", fmt.Errorf("write the mail: %w", err)
	}
	return b.String(), nil
}

var mailColors = map[mood]string{info: "#5865f2", good: "#2e7d32", bad: "#c62828", waiting: "#f9a825"}

// mailTemplate has its style in its elements, since mail programs read no other.
// What stands in it is escaped by its place.
var mailTemplate = template.Must(template.New("mail").Parse(`<!DOCTYPE html>
<html><body style="font-family:sans-serif;font-size:15px;color:#222;margin:0;padding:16px">
<h2 style="font-size:18px;margin:0 0 12px;padding-left:10px;border-left:5px solid {{.Color}}">{{.Title}}</h2>
{{with .Text}}<p style="white-space:pre-wrap">{{.}}</p>
{{end}}<table style="border-collapse:collapse;font-size:14px">
{{range .Facts}}<tr><td style="padding:2px 14px 2px 0;color:#777;vertical-align:top">{{.Name}}</td><td>{{if .URL}}<a href="{{.URL}}">{{.Value}}</a>{{else}}{{.Value}}{{end}}</td></tr>
{{end}}</table>
{{with .Log}}<pre style="background:#f4f4f4;padding:10px;font-size:13px;white-space:pre-wrap">{{.}}</pre>
{{end}}{{if .Link}}<p><a href="{{.Link}}">run {{.Run}}</a></p>
{{end}}</body></html>
`))
