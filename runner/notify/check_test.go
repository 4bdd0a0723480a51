package notify

import (
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	for place, want := range map[string]string{
		`url: "pushover://shoutrrr:${env:TOKEN}@user"`:                                        "",
		`url: "pushoverr://shoutrrr:${env:TOKEN}@user"`:                                       `the service "pushoverr" is not known`,
		`url: "pushover://shoutrrr:${env:TOKEN}"`:                                             "the URL of pushover",
		`email: {smtp: "smtps://mail.example.com", from: a@example.com, to: b@example.com}`:   "",
		`email: {smtp: "smtps://mail.example.com:0", from: a@example.com, to: b@example.com}`: `"0" is no port`,
		`discord: "https://discord.com/api/webhooks/1/${env:TOKEN}"`:                          "",
	} {
		set := newStage(t, place).performer.Config().Set
		channel, _ := set.Channel("ops")
		err := Check(channel, set.Secret)
		switch {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", place, err, want)
		case err != nil && strings.Contains(err.Error(), secretToken):
			t.Errorf("%s: shows the token: %v", place, err)
		}
	}
}
