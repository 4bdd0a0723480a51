package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hooktender/hooktender/outbound"
	"github.com/hooktender/hooktender/rules"
)

// webhookLog is how many characters of the log a webhook is told.
const webhookLog = 8000

// A webhookPost is what a generic webhook gets. docs/notify.md describes it;
// fields may come, none goes.
type webhookPost struct {
	Title    string         `json:"title"`
	Text     string         `json:"text"`
	Moment   rules.Moment   `json:"moment"` // "" where the rule only tells
	Hook     string         `json:"hook"`
	Rule     string         `json:"rule"`
	Event    string         `json:"event"`
	Delivery int64          `json:"delivery"`
	Run      *rules.Outcome `json:"run"` // null where the rule only tells
	Commit   *rules.Commit  `json:"commit"`
	Log      string         `json:"log"`
	Link     string         `json:"link"`
	At       time.Time      `json:"at"`
}

// webhook posts the message as JSON.
func (s *sending) webhook(ctx context.Context, c *rules.Webhook) error {
	address, err := s.secret(c.URL)
	if err != nil {
		return err
	}
	header := http.Header{}
	for _, h := range c.Headers {
		value, err := s.secret(h.Value)
		if err != nil {
			return fmt.Errorf("header %s: %w", h.Name, err)
		}
		header.Set(h.Name, value)
	}
	body := s.webhookBody()
	key, err := s.secret(c.Sign)
	if err != nil {
		return err
	}
	if key != "" {
		if err := sign(header, key, s.message.key, time.Now(), body); err != nil {
			return err
		}
	}
	return s.post(ctx, &request{service: "the webhook", url: address, header: header, body: body, read: readWebhook})
}

func (s *sending) webhookBody() string {
	m, run := s.message, s.job.Run
	return inJSON(webhookPost{
		Title: m.title, Text: m.text, Moment: m.moment, Hook: run.Hook, Rule: run.Rule, Event: run.Event, Delivery: run.Delivery,
		Run: run.Command.Notification.Of, Commit: m.commit, Log: tail(m.log, webhookLog, runes), Link: m.link, At: m.when.UTC(),
	})
}

// sign adds the headers of Standard Webhooks. The id is the same for each
// attempt, so that whoever gets two of one knows:
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
func sign(header http.Header, key, id string, now time.Time, body string) error {
	secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(key, "whsec_"))
	if err != nil {
		return fmt.Errorf("sign: the key is not whsec_ and base64")
	}
	at := strconv.FormatInt(now.Unix(), 10)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(id + "." + at + "." + body))
	header.Set("Webhook-Id", id)
	header.Set("Webhook-Timestamp", at)
	header.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return nil
}

func readWebhook(a *outbound.Answer, r *reply) {
	if r.ok {
		return
	}
	r.said = string(a.Body)
	if r.final && r.todo == "" {
		r.todo = "look at PLACE, and at what the other side says of it"
	}
}
