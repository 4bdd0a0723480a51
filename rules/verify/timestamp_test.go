package verify

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestTimestampUnits(t *testing.T) {
	want := time.Date(2017, 9, 7, 6, 30, 4, 0, time.UTC)
	tests := []struct {
		unit string
		good []string
		bad  []string
	}{
		{"s", []string{"1504765804"}, []string{"1504765804.0", "2017-09-07T06:30:04Z"}},
		{"ms", []string{"1504765804000"}, []string{"1504765804e3"}},
		{"us", []string{"1504765804000000"}, nil},
		{"rfc3339", []string{"2017-09-07T06:30:04Z", "2017-09-07T08:30:04+02:00", "2017-09-07T06:30:04.000Z"}, []string{"2017-09-07 06:30:04", "2017-09-07"}},
		{"http-date", []string{"Thu, 07 Sep 2017 06:30:04 GMT", "Thu 07 Sep 2017 06:30:04 UTC"}, []string{"Thu, 07 Sep 2017 06:30:04 EST", "Thu 07 Sep 2017 06:30:04 CET"}},
	}
	everywhereBad := []string{"", "0", "00", "-1", "+1", " 1504765804", "1504765804 ", "NaN", "Inf", "1e9", "0x10", "١٢٣", "99999999999999999999"}
	for _, tt := range tests {
		u := units[tt.unit]
		for _, text := range tt.good {
			if got, ok := u.parse(text); !ok || !got.Equal(want) {
				t.Errorf("%s: %q is %v, %v", tt.unit, text, got, ok)
			}
		}
		for _, text := range append(tt.bad, everywhereBad...) {
			if got, ok := u.parse(text); ok {
				t.Errorf("%s: took %q for %v", tt.unit, text, got)
			}
		}
		if got, ok := u.parse(u.format(want)); !ok || !got.Equal(want) {
			t.Errorf("%s: cannot read its own %q", tt.unit, u.format(want))
		}
	}
}

func TestTimestampWindow(t *testing.T) {
	c := &clock{tolerance: 300 * time.Second, future: 60 * time.Second}
	tests := []struct {
		name   string
		age    time.Duration
		reason string
	}{
		{"now", 0, ""},
		{"old", 300 * time.Second, ""},
		{"too old", 412 * time.Second, "timestamp is 412 s old, 300 s allowed"},
		{"a moment too old", 300*time.Second + 1, "timestamp is 301 s old, 300 s allowed"},
		{"ahead", -60 * time.Second, ""},
		{"too far ahead", -61 * time.Second, "timestamp is 61 s ahead of our clock, 60 s allowed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := c.judge(testNow, testNow.Add(-tt.age))
			if tt.reason == "" != (err == nil) || err != nil && err.Error() != tt.reason {
				t.Errorf("error %v, want %q", err, tt.reason)
			}
		})
	}
}

// A difference beyond 292 years does not fit a Duration, and its negative fits
// even less.
func TestTimestampFarAway(t *testing.T) {
	c := &clock{tolerance: time.Minute, future: time.Minute}
	for _, ts := range []time.Time{{}, time.Unix(math.MaxInt64, 0), time.Unix(1, 0), time.UnixMilli(math.MaxInt64)} {
		if c.judge(testNow, ts) == nil {
			t.Errorf("accepted %v", ts)
		}
	}
}

// A stranger learns nothing from the timestamp's verdict, and a change of it is
// a wrong signature rather than an old message.
func TestSignatureIsJudgedBeforeTheTimestamp(t *testing.T) {
	v := preset(t, "hmac-timestamped")
	r := mustSign(t, v, newRequest())
	r.Header.Set("X-Timestamp", "1")
	if err := v.Verify(r); err == nil || err.Error() != "signature does not match" {
		t.Errorf("changed timestamp: %v", err)
	}
	r = newRequest()
	r.Header.Set("X-Timestamp", "1")
	if err := v.Verify(mustSign(t, v, r)); err == nil || !strings.Contains(err.Error(), "s old, 300 s allowed") {
		t.Errorf("genuine but old: %v", err)
	}
	r.Header.Set("X-Timestamp", "+1")
	if err := v.Verify(mustSign(t, v, r)); err == nil || !strings.Contains(err.Error(), "is not seconds since 1970") {
		t.Errorf("genuine but no time: %v", err)
	}
}

func TestWindowInJSON(t *testing.T) {
	good := map[string]Window{`300`: Window(300 * time.Second), `"5m"`: Window(5 * time.Minute), `null`: Unchecked}
	for text, want := range good {
		var w Window
		if err := w.UnmarshalJSON([]byte(text)); err != nil || w != want {
			t.Errorf("%s is %v, %v; want %v", text, w, err, want)
		}
	}
	for _, text := range []string{`0`, `-1`, `"0s"`, `"-1s"`, `"soon"`, `1e99`, `[]`, `true`, `9999999999999`} {
		var w Window
		if err := w.UnmarshalJSON([]byte(text)); err == nil {
			t.Errorf("took %s for %v", text, w)
		}
	}
}

func TestToleranceDefaultsToFiveMinutes(t *testing.T) {
	s, _ := Preset("hmac-timestamped")
	s.Timestamp.Tolerance, s.Timestamp.Future = 0, Window(time.Second)
	v := compile(t, s)
	r := mustSign(t, v, newRequest())
	for off, valid := range map[time.Duration]bool{300 * time.Second: true, 301 * time.Second: false, -1 * time.Second: true, -2 * time.Second: false} {
		r.Now = testNow.Add(off)
		checkVerdict(t, v.Verify(r), valid)
	}
}

// A time that is signed and not judged has to be one all the same.
func TestUncheckedTimestampIsATime(t *testing.T) {
	s := hmacScheme(func(s *Scheme) {
		s.Signed = "{timestamp}{header:X-Token}"
		s.Timestamp = &Timestamp{From: Sources{"header:X-Time"}, Tolerance: Unchecked}
	})
	v := compile(t, s)
	for text, valid := range map[string]bool{"1": true, "1700000000": true, "": false, "17e8": false, "soon": false} {
		r := newRequest()
		r.Header.Set("X-Time", text)
		r.Header.Set("X-Token", "abc")
		if text == "" {
			r.Header.Set("X-Time", "x")
			r = mustSign(t, v, r)
			r.Header.Del("X-Time")
		} else {
			r = mustSign(t, v, r)
		}
		checkVerdict(t, v.Verify(r), valid)
	}
}

// Every preset that signs a time judges it, and a time that may be old is not one
// that lies ahead.
func TestPresetsJudgeTheirTimes(t *testing.T) {
	for name, s := range allSchemes(t) {
		switch ts := s.Timestamp; {
		case ts == nil:
		case ts.Tolerance == Unchecked || ts.Future == Unchecked:
			t.Errorf("%s signs a time and does not judge it", name)
		case time.Duration(ts.Tolerance) > time.Hour && time.Duration(ts.Future) != 5*time.Minute:
			t.Errorf("%s believes a time that lies %v ahead", name, time.Duration(ts.Future))
		case time.Duration(ts.Tolerance) > time.Hour && s.Note == "":
			t.Errorf("%s does not say why it believes for %v", name, time.Duration(ts.Tolerance))
		}
	}
}

// Mailgun signs a time and a token with nothing in between. A digit that moves
// from one to the other would make a new token of an old signature.
func TestMailgunTokensCannotBeMade(t *testing.T) {
	now := time.Unix(1772366400, 0)
	for name, body := range map[string]func(at, token, sum string) string{
		"mailgun": func(at, token, sum string) string {
			return `{"signature":{"timestamp":"` + at + `","token":"` + token + `","signature":"` + sum + `"},"event-data":{"event":"x"}}`
		},
		"mailgun-form": func(at, token, sum string) string {
			return "timestamp=" + at + "&token=" + token + "&signature=" + sum
		},
	} {
		v := preset(t, name)
		request := func(at, token, sum string) *Request {
			r := newRequest()
			if name == "mailgun-form" {
				r = formRequest()
			}
			r.Body, r.Now = []byte(body(at, token, sum)), now
			return r
		}
		at, token := "1772366400", "1234"+testToken[4:]
		genuine := mustSign(t, v, request(at, token, ""))
		sum := v.proof.(*signed).field.from.peek(genuine)
		for _, move := range []struct {
			at, token string
			valid     bool
		}{
			{at, token, true},
			{at + token[:1], token[1:], false},
			{at + token[:3], token[3:], false},
			{at[:9], at[9:] + token, false},
			{at[:8], at[8:] + token, false},
			{"", at + token, false},
			{at + token, "", false},
		} {
			checkVerdict(t, v.Verify(request(move.at, move.token, sum)), move.valid)
		}
		// Not even where the time that results is believed.
		r := request(at[:9], at[9:]+token, sum)
		r.Now = time.Unix(177236640, 0)
		checkVerdict(t, v.Verify(r), false)
		r = request(at, token, sum)
		r.Now = now.Add(24*time.Hour + time.Second)
		checkVerdict(t, v.Verify(r), false)
	}
}

// What was recorded long ago is signed as of now, and what says its own time in a
// header keeps it.
func TestSignRenewsTheTimeOfABody(t *testing.T) {
	r := newRequest()
	r.Body = []byte(`{"webhookTimestamp":1504765804000}`)
	linear := preset(t, "linear")
	if err := linear.Verify(mustSign(t, linear, r)); err != nil {
		t.Error(err)
	}
	slack := preset(t, "slack")
	r = newRequest()
	r.Header.Set("X-Slack-Request-Timestamp", "1504765804")
	checkVerdict(t, slack.Verify(mustSign(t, slack, r)), false)
}
