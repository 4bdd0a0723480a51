package outbound

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter is the longest wait that somebody else may ask for.
const maxRetryAfter = 24 * time.Hour

// RetryAfter is how long an answer asks to wait before the next request, 0 if it
// does not say: seconds, also with a fraction, or a date (RFC 9110, section
// 10.2.3). It is never more than a day.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	s := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseFloat(s, 64); err == nil && '0' <= s[0] && s[0] <= '9' {
		return time.Duration(min(seconds, maxRetryAfter.Seconds()) * float64(time.Second))
	}
	if at, err := http.ParseTime(s); err == nil {
		return min(max(at.Sub(now), 0), maxRetryAfter)
	}
	return 0
}
