package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hooktender/hooktender/rules"
)

// TestAirToPhone is examples/aqi-ntfy: the air becomes bad, stays so, and the phone
// says it once.
func TestAirToPhone(t *testing.T) {
	t.Parallel()
	phone := standInNtfy(t)
	air := newAirVisual(t, 150, 187, 190)
	s := stage(t, "aqi-ntfy", []string{
		"https://api.airvisual.com", air.URL,
		"every: 15m", "every: 1s",
	}, "NTFY_URL="+phone.URL+"/"+ntfyTopic, "AQI_KEY="+airKey)
	s.readme()

	post := phone.next().body
	if post["title"] != "Bad air in Hanoi: AQI 187" || !strings.HasPrefix(post["message"].(string), "Close the windows. Wear a mask outside.") {
		t.Errorf("told %q: %q", post["title"], post["message"])
	}
	if post["priority"] != 4.0 || fmt.Sprint(post["tags"]) != "[mask]" {
		t.Errorf("priority %v, tags %v", post["priority"], post["tags"])
	}
	for nextOf(t, air.same) != 190 { // known to be the same: it was dealt with
	}
	s.waitForRuns()
	phone.nothing()
	var kept []rules.Delivery
	if err := s.client().get(t.Context(), "/api/deliveries", nil, &kept); err != nil {
		t.Fatal(err)
	}
	var verdicts []rules.Verdict // the newest first
	for _, d := range kept {
		verdicts = append(verdicts, d.Verdict)
	}
	if want := []rules.Verdict{rules.Throttled, rules.Accepted, rules.Ignored}; !slices.Equal(verdicts, want) {
		t.Errorf("what was found is %v, want %v", verdicts, want)
	}
	s.stop()
}

const airKey = "8f2ad1c0-air"

// An airVisual answers with values, one after the other; each has an ETag, and who
// has it already is told so once before the next one comes.
type airVisual struct {
	*httptest.Server
	same chan int // what was asked for again
}

// newAirVisual is https://api-docs.iqair.com, get specified city data.
func newAirVisual(t *testing.T, values ...int) *airVisual {
	payload, err := os.ReadFile("../../examples/aqi-ntfy/air.json")
	if err != nil {
		t.Fatal(err)
	}
	a := &airVisual{same: make(chan int, 1000)}
	var looks atomic.Int32
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at := min(int(looks.Add(1))-1, 2*len(values)-1)
		value, again := values[at/2], at%2 == 1
		tag := fmt.Sprintf(`W/"air-%d"`, value)
		query := r.URL.Query()
		switch {
		case query.Get("key") != airKey:
			t.Errorf("the key is %q", query.Get("key"))
			http.Error(w, `{"status":"fail","data":{"message":"incorrect_api_key"}}`, http.StatusForbidden)
			return
		case r.Method != http.MethodGet || r.URL.Path != "/v2/city" || query.Get("city") != "Hanoi" || query.Get("state") != "Hanoi" || query.Get("country") != "Vietnam":
			t.Errorf("asked for %s %s", r.Method, r.URL.Path)
			http.Error(w, `{"status":"fail","data":{"message":"city_not_found"}}`, http.StatusBadRequest)
			return
		case again != slices.Contains(r.Header["If-None-Match"], tag):
			t.Errorf("look %d has If-None-Match %q", at, r.Header["If-None-Match"])
		}
		w.Header().Set("ETag", tag)
		if again {
			w.WriteHeader(http.StatusNotModified)
			a.same <- value
			return
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		fmt.Fprint(w, strings.Replace(string(payload), `"aqius":187`, fmt.Sprintf(`"aqius":%d`, value), 1))
	}))
	t.Cleanup(a.Close)
	return a
}

const ntfyTopic = "air-Zx81kQ"

// standInNtfy is https://docs.ntfy.sh/publish/#publish-as-json with its limits.
func standInNtfy(t *testing.T) *standInServer {
	return newStandIn(t, http.StatusOK, `{"id":"x","event":"message"}`, func(r *http.Request, raw []byte) *rejection {
		var post struct {
			Topic, Title, Message string
			Priority              int
			Tags                  []string
		}
		switch err := json.Unmarshal(raw, &post); {
		case r.URL.Path != "/":
			return &rejection{404, `{"code":40401,"http":404,"error":"page not found"}`}
		case err != nil:
			return &rejection{400, `{"code":40024,"http":400,"error":"invalid request: request body must be valid JSON"}`}
		case len(raw) > 8192:
			return &rejection{413, `{"code":41304,"http":413,"error":"JSON body too large"}`}
		case post.Topic != ntfyTopic:
			return &rejection{400, `{"code":40009,"http":400,"error":"invalid request: topic invalid"}`}
		case post.Message == "" || len(post.Message) > 4096:
			return &rejection{400, `{"code":40014,"http":400,"error":"invalid request: attachments not allowed"}`}
		case post.Priority < 1 || post.Priority > 5:
			return &rejection{400, `{"code":40007,"http":400,"error":"invalid request: priority invalid"}`}
		}
		return nil
	})
}
