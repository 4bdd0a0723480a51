package outbound

import (
	"net/http"
	"testing"
	"time"
)

var clock = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, "1": time.Second, " 30 ": 30 * time.Second, "1.5": 1500 * time.Millisecond,
		"86400": 24 * time.Hour, "86401": 24 * time.Hour, "1e300": 24 * time.Hour,
		"-5": 0, "soon": 0, "NaN": 0, "Inf": 0, "+Inf": 0, "1 minute": 0,
		"Sun, 01 Mar 2026 12:01:00 GMT":  time.Minute,
		"Sunday, 01-Mar-26 12:01:00 GMT": time.Minute,
		"Sun, 01 Mar 2026 11:00:00 GMT":  0,
		"Mon, 01 Mar 2027 12:00:00 GMT":  24 * time.Hour,
	} {
		if got := RetryAfter(http.Header{"Retry-After": {value}}, clock); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
	if got := RetryAfter(nil, clock); got != 0 {
		t.Errorf("without the header: %v", got)
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"1", "1.5", "-1", "NaN", "1e999", "0x1p-2", "Sun, 01 Mar 2026 12:01:00 GMT"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d := RetryAfter(http.Header{"Retry-After": {s}}, clock); d < 0 || d > maxRetryAfter {
			t.Errorf("%q: %v", s, d)
		}
	})
}
