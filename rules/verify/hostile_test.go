package verify

import (
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// hostileSize is enough for what a body costs to stand out, and little enough to
// ask every scheme.
const hostileSize = 256 << 10

// hostileJSON are values that become many times their size when they are unpacked.
func hostileJSON() map[string]string {
	keys := make([]string, hostileSize/12)
	for i := range keys {
		keys[i] = `"` + string(rune('a'+i%26)) + `\u0061` + strings.Repeat("b", i%3) + `":0`
	}
	return map[string]string{
		"zeros":   "[" + strings.Repeat("0,", hostileSize/2) + "0]",
		"objects": "[" + strings.Repeat("{},", hostileSize/3) + "{}]",
		"names":   "{" + strings.Join(keys, ",") + "}",
		"escapes": `"` + strings.Repeat(`\u0061`, hostileSize/6) + `"`,
	}
}

// hostileBodies have such a value wherever a scheme looks for something, and forms
// of many fields and parts.
func hostileBodies(s Scheme, v *Verifier) map[string]*Request {
	bodies := map[string]*Request{}
	add := func(name, contentType, body string) {
		r := newRequest()
		r.Header.Set("Content-Type", contentType)
		r.Body = []byte(body)
		bodies[name] = r
	}
	places := slices.Concat(v.proof.places(), v.proof.secrets(), v.id, v.event, v.apart)
	if t := s.Timestamp; t != nil {
		places = append(places, known(t.From...)...)
	}
	paths := [][]string{nil, {"value"}, {"notificationItems"}, {"notificationItems", "0", "NotificationRequestItem"}, {"Message"}, {"TopicArn"}}
	for _, place := range places {
		for i := range place.path {
			paths = append(paths, place.path[:i+1])
		}
	}
	for name, value := range hostileJSON() {
		for _, path := range paths {
			body := value
			for _, step := range slices.Backward(path) {
				if step == "0" {
					body = "[" + body + "]"
				} else {
					body = `{"` + step + `":` + body + `}`
				}
			}
			add(name+" at "+strings.Join(path, "."), "application/json", body)
		}
	}
	part := "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n"
	add("fields", urlencoded, strings.Repeat("a&", hostileSize/2))
	add("a long field", urlencoded, "a="+strings.Repeat("x+", hostileSize/2))
	add("parts", "multipart/form-data; boundary=b", strings.Repeat(part, hostileSize/len(part))+"--b--\r\n")
	return bodies
}

// To refuse the body of a stranger must not cost much more memory than it has,
// whatever the scheme looks for in it. What is counted is all that was ever taken,
// not only what was held at once.
func TestHostileBodiesCostLittle(t *testing.T) {
	eachScheme(t, func(t *testing.T, s Scheme) {
		v := compile(t, s)
		genuine := newRequest()
		if strings.Contains(s.Signed, "{form") {
			genuine = formRequest()
		}
		mustSign(t, v, genuine)
		bodies := hostileBodies(s, v)
		for _, name := range slices.Sorted(maps.Keys(bodies)) {
			r := bodies[name]
			for header, values := range genuine.Header {
				if header != "Content-Type" {
					r.Header[header] = values
				}
			}
			r.RawQuery = genuine.RawQuery
			most := 3*uint64(len(r.Body)) + 64<<10
			if name == "parts" {
				most += maxParts * 4 << 10 // what each takes, however small it is; all of these would be twice that
			}
			if taken := memoryOf(func() { judgeAll(v, r) }); taken > most {
				t.Errorf("%s: a body of %d bytes took %d", name, len(r.Body), taken)
			}
		}
	})
}

// judgeAll is all that is asked before a request is believed, or refused and kept.
func judgeAll(v *Verifier, r *Request) {
	again := *r
	_, _ = v.Handshake(&again)
	_ = v.Verify(r)
	_ = v.Brings(r)
}

func memoryOf(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
