package verify

import (
	"math"
	"net/http"
	"strconv"
	"time"
)

// A clock judges the sender's timestamp by ours.
type clock struct {
	from              sources
	unit              unit
	tolerance, future time.Duration // negative: not checked
}

// check refuses a timestamp that is too far off, either way. It is asked only
// about a message whose signature is right: before that the timestamp is
// anybody's word. One that is not judged must be a time all the same, so that
// nothing else passes for it. A nil clock has no objection.
func (c *clock) check(e evidence) error {
	if c == nil {
		return nil
	}
	text, err := c.from.require(e)
	if err != nil {
		return err
	}
	t, ok := c.unit.parse(text)
	if !ok {
		return reject("timestamp is not %s", c.unit.what)
	}
	return c.judge(e.Now, t)
}

// judge takes both differences instead of one and its negative: Sub saturates,
// and the smallest duration has no positive counterpart.
func (c *clock) judge(now, t time.Time) error {
	if age := now.Sub(t); c.tolerance >= 0 && age > c.tolerance {
		return reject("timestamp is %s old, %s allowed", seconds(age), seconds(c.tolerance))
	}
	if ahead := t.Sub(now); c.future >= 0 && ahead > c.future {
		return reject("timestamp is %s ahead of our clock, %s allowed", seconds(ahead), seconds(c.future))
	}
	return nil
}

// seconds rounds up, so that what is too old never reads as if it were not.
func seconds(d time.Duration) string {
	return strconv.FormatFloat(math.Ceil(d.Seconds()), 'f', 0, 64) + " s"
}

// stamp gives r the time of r.Now unless it has one. In a body, which may have
// been recorded long ago, only one that is still believed counts. A timestamp that
// lives in the signature header is returned as the beginning of that header's
// list.
func (c *clock) stamp(r *Request, sep, kv string) (pairs, error) {
	if c == nil {
		return pairs{}, nil
	}
	now := c.unit.format(r.Now)
	if first := c.from[0]; first.kind == inSignature {
		return pairs{first.name + kv + now, sep, kv}, nil
	}
	for _, s := range c.from {
		text := sources{s}.peek(r)
		switch inBody := s.kind == inJSON || s.kind == inForm; {
		case text == "":
		case inBody && !c.believes(r.Now, text):
			return pairs{}, s.set(r, now)
		default:
			return pairs{}, nil
		}
	}
	return pairs{}, c.from[0].set(r, now)
}

func (c *clock) believes(now time.Time, text string) bool {
	if c == nil {
		return true
	}
	t, ok := c.unit.parse(text)
	return ok && c.judge(now, t) == nil
}

// A unit is how a time is written.
type unit struct {
	what   string
	parse  func(string) (time.Time, bool)
	format func(time.Time) string
}

var units = map[string]unit{
	"s":  epoch("seconds since 1970", func(n int64) time.Time { return time.Unix(n, 0) }, time.Time.Unix),
	"ms": epoch("milliseconds since 1970", time.UnixMilli, time.Time.UnixMilli),
	"us": epoch("microseconds since 1970", time.UnixMicro, time.Time.UnixMicro),
	"rfc3339": {
		what:   "an RFC 3339 time",
		parse:  layouts(time.RFC3339Nano),
		format: func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) },
	},
	"http-date": {
		what:   "an HTTP date",
		parse:  layouts(http.TimeFormat, "Mon 02 Jan 2006 15:04:05 UTC"), // the second is Scalr's
		format: func(t time.Time) string { return t.UTC().Format(http.TimeFormat) },
	},
}

// epoch reads digits and nothing else. strconv alone would take "+1", and some
// programs take "NaN", " 1" or "1e9" for a time; zero is what a missing field
// becomes.
func epoch(what string, toTime func(int64) time.Time, fromTime func(time.Time) int64) unit {
	return unit{
		what: what,
		parse: func(text string) (time.Time, bool) {
			for _, c := range []byte(text) {
				if c < '0' || c > '9' {
					return time.Time{}, false
				}
			}
			n, err := strconv.ParseInt(text, 10, 64)
			return toTime(n), err == nil && n > 0
		},
		format: func(t time.Time) string { return strconv.FormatInt(fromTime(t), 10) },
	}
}

func layouts(list ...string) func(string) (time.Time, bool) {
	return func(text string) (time.Time, bool) {
		for _, layout := range list {
			if t, err := time.Parse(layout, text); err == nil {
				return t, true
			}
		}
		return time.Time{}, false
	}
}
