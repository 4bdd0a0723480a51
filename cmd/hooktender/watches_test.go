package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hooktender/hooktender/rules"
)

// TestKillWhileWatching: a script that a poll's item has started kills the server
// with SIGKILL, again and again, in the middle of a list of new items. Each item
// becomes one delivery that is accepted, neither none nor two.
func TestKillWhileWatching(t *testing.T) {
	t.Parallel()
	const items = 120
	requests := make(chan struct{}, 1000)
	full := make(chan struct{})
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		list := []string{}
		select {
		case <-full:
			for id := range items {
				list = append(list, fmt.Sprintf(`{"id":%d}`, id))
			}
		default:
		}
		fmt.Fprintf(w, `{"list":[%s]}`, strings.Join(list, ","))
		requests <- struct{}{}
	}))
	defer source.Close()
	marks := t.TempDir()
	config := writeConfig(t, `
server: {max_running: 3}
watch:
  news:
    poll: {url: "`+source.URL+`", items: list}
    every: 1s
    rules:
      - name: item
        run: |
          case $ID in 5|50|51|110) test -e "$MARKS/$ID" || { : >"$MARKS/$ID"; kill -9 $PPID; }; esac
        env: {ID: "{{ id }}", MARKS: "`+marks+`"}
`)
	state := t.TempDir()
	first := startServer(t, config, state)
	<-requests
	<-requests // the first look of all only remembers, and is on disk before the next
	first.stop()
	close(full)
	kills := 0
	for {
		s := startServer(t, config, state)
		ended := s.done
		killed := false
		for seen := 0; seen < 3 && !killed; {
			select {
			case <-ended:
				killed = true
			case <-requests:
				seen++ // what was owed is told before it looks again
			}
		}
		if !killed {
			s.waitForRuns()
			checkItems(t, s, items)
			s.stop()
			break
		}
		kills++
	}
	if made, _ := filepath.Glob(marks + "/*"); kills == 0 || len(made) != 4 {
		t.Errorf("killed %d times, by %v", kills, made)
	}
	t.Logf("killed %d times", kills)
}

func checkItems(t *testing.T, s *serverProcess, items int) {
	t.Helper()
	var list []rules.Delivery
	var raw json.RawMessage
	if err := s.client().get(t.Context(), "/api/deliveries", url.Values{"limit": {"1000"}, "verdict": {"accepted"}}, &raw); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, d := range list {
		_, id, _ := strings.Cut(d.EventID, " ")
		count[id]++
	}
	for id := range items {
		if n := count[fmt.Sprint(id)]; n != 1 {
			t.Errorf("item %d was accepted %d times", id, n)
		}
	}
	if len(count) != items {
		t.Errorf("%d items, not %d", len(count), items)
	}
}
