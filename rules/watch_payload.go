package rules

import (
	"encoding/json"
	"time"
)

// A CheckPayload is the payload of a look at a website.
type CheckPayload struct {
	Watch           string    `json:"watch"`
	URL             string    `json:"url"` // without its query
	Up              bool      `json:"up"`  // as the repeats have settled it
	Changed         bool      `json:"changed"`
	Code            int       `json:"code"` // 0 without an answer
	LatencyMS       int64     `json:"latency_ms"`
	Error           string    `json:"error"`            // of this look; "" for a good one
	Failures        int       `json:"failures"`         // looks in a row that failed, this one counted
	DownFor         *string   `json:"down_for"`         // since the first failure in a row: "5m0s"; when it is up again, how long it was
	CertificateDays *int      `json:"certificate_days"` // of the newest certificate that was seen; null without TLS
	Since           time.Time `json:"since"`            // when it became what it is
	Time            time.Time `json:"time"`             // of this look
}

// A SchedulePayload is the payload of a time that has come.
type SchedulePayload struct {
	Watch       string    `json:"watch"`
	Time        time.Time `json:"time"`
	ScheduledAt time.Time `json:"scheduled_at"`
	Missed      int       `json:"missed"` // times without the server for which this event stands; 0: it is in time
	NextAt      time.Time `json:"next_at"`
}

// A QuietPayload is the payload of a hook that has been quiet for too long, or is
// back.
type QuietPayload struct {
	Watch    string     `json:"watch"`
	Hook     string     `json:"hook"`
	Rule     string     `json:"rule"` // "" for any
	Quiet    bool       `json:"quiet"`
	QuietFor string     `json:"quiet_for"` // "26h0m0s"
	LastAt   *time.Time `json:"last_at"`   // its last event; null if none is known
	Time     time.Time  `json:"time"`
}

// watchSamples are payloads from which is learned what their fields are.
func watchSamples() catalogue {
	text, days, at := "5m0s", 30, time.Unix(0, 0).UTC()
	c := catalogue{}
	for event, payload := range map[string]any{
		CheckEvent:    CheckPayload{URL: text, DownFor: &text, CertificateDays: &days},
		ScheduleEvent: SchedulePayload{},
		QuietEvent:    QuietPayload{LastAt: &at},
	} {
		body, err := json.Marshal(payload)
		if err != nil {
			panic(err) // these are texts and numbers
		}
		known, err := learn([]Sample{{Provider: "watch", Event: event, Payload: body}})
		if err != nil {
			panic(err) // it was written just now
		}
		c[event] = known["watch"]
	}
	return c
}
