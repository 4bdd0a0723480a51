package store

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

func TestDeliveryFilters(t *testing.T) {
	s := openTemp(t)
	for i, verdict := range []rules.Verdict{rules.Accepted, rules.Ignored, rules.Rejected, rules.Accepted, rules.Ignored} {
		d := newDelivery([]string{"/even", "/odd"}[i%2], "body")
		d.ReceivedAt, d.Verdict = noon.Add(time.Duration(i)*time.Hour), verdict
		if verdict == rules.Accepted {
			accept(t, s, d)
			continue
		}
		s.Record(d)
	}
	flush(t, s)
	for name, test := range map[string]struct {
		filter rules.DeliveryFilter
		want   []int64
	}{
		"all":             {rules.DeliveryFilter{}, []int64{5, 4, 3, 2, 1}},
		"limit":           {rules.DeliveryFilter{Limit: 2}, []int64{5, 4}},
		"hook":            {rules.DeliveryFilter{Hook: "/odd"}, []int64{4, 2}},
		"verdict":         {rules.DeliveryFilter{Verdicts: []rules.Verdict{rules.Ignored}}, []int64{5, 2}},
		"verdicts":        {rules.DeliveryFilter{Verdicts: []rules.Verdict{rules.Ignored, rules.Rejected}}, []int64{5, 3, 2}},
		"accepted":        {rules.DeliveryFilter{Verdicts: []rules.Verdict{rules.Accepted, rules.Rejected}}, []int64{4, 3, 1}},
		"since":           {rules.DeliveryFilter{Since: noon.Add(3 * time.Hour)}, []int64{5, 4}},
		"all of them":     {rules.DeliveryFilter{Hook: "/even", Verdicts: []rules.Verdict{rules.Ignored}, Since: noon, Limit: 1}, []int64{5}},
		"nothing matches": {rules.DeliveryFilter{Hook: "/neither"}, []int64{}},
	} {
		t.Run(name, func(t *testing.T) {
			list, err := s.Deliveries(t.Context(), test.filter)
			if err != nil {
				t.Fatal(err)
			}
			got := []int64{}
			for _, d := range list {
				got = append(got, d.ID)
				if d.Header != nil || d.Body != nil || d.Size != 4 || len(d.Decisions) != 2 {
					t.Errorf("listed with too much or too little: %+v", d)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}

func TestRunFilters(t *testing.T) {
	s := openTemp(t)
	for i, state := range []runner.State{runner.Succeeded, runner.Failed, runner.Queued, runner.Succeeded, runner.TimedOut, runner.Running} {
		run := newRun([]string{"/even", "/odd"}[i%2], "redeploy")
		run.State, run.QueuedAt = state, noon.Add(time.Duration(i)*time.Hour)
		accept(t, s, newDelivery(run.Hook, ""), run)
	}
	for name, test := range map[string]struct {
		filter runner.RunFilter
		want   []int64
	}{
		"all":         {runner.RunFilter{}, []int64{6, 5, 4, 3, 2, 1}},
		"limit":       {runner.RunFilter{Limit: 2}, []int64{6, 5}},
		"hook":        {runner.RunFilter{Hook: "/odd"}, []int64{6, 4, 2}},
		"state":       {runner.RunFilter{States: []runner.State{runner.Succeeded}}, []int64{4, 1}},
		"states":      {runner.RunFilter{States: []runner.State{runner.Failed, runner.Running, runner.TimedOut}}, []int64{6, 5, 2}},
		"hook, state": {runner.RunFilter{Hook: "/odd", States: []runner.State{runner.Succeeded}}, []int64{4}},
		"since":       {runner.RunFilter{Since: noon.Add(4 * time.Hour)}, []int64{6, 5}},
		"delivery":    {runner.RunFilter{Delivery: 3}, []int64{3}},
		"two states of a delivery": {runner.RunFilter{Delivery: 3,
			States: []runner.State{runner.Queued, runner.Failed}}, []int64{3}},
		"a state there is not": {runner.RunFilter{States: []runner.State{"nonsense"}}, []int64{}},
	} {
		t.Run(name, func(t *testing.T) {
			list, err := s.Runs(t.Context(), test.filter)
			if err != nil {
				t.Fatal(err)
			}
			got := []int64{}
			for _, r := range list {
				got = append(got, r.ID)
				if r.Command != nil {
					t.Errorf("listed with its command: %+v", r)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}

func TestRunsOf(t *testing.T) {
	s := openTemp(t)
	accept(t, s, newDelivery("/a", ""), newRun("/a", "one"), newRun("/a", "two"))
	accept(t, s, newDelivery("/a", ""))
	accept(t, s, newDelivery("/a", ""), newRun("/a", "three"))
	runs, err := s.RunsOf(t.Context(), []int64{1, 2, 3, 999})
	if err != nil {
		t.Fatal(err)
	}
	if len(runs) != 2 || len(runs[1]) != 2 || runs[1][0].Rule != "one" || runs[1][1].Rule != "two" || runs[3][0].Rule != "three" {
		t.Errorf("%v", runs)
	}
	if none, err := s.RunsOf(t.Context(), nil); err != nil || len(none) != 0 {
		t.Errorf("the runs of no deliveries: %v, %v", none, err)
	}
}

// With a million rows, a listing that reads them all or sorts them is felt.
func TestListingsFollowAnIndex(t *testing.T) {
	s := openTemp(t)
	var texts []string
	for _, hook := range []string{"", "/a"} {
		for _, since := range []time.Time{{}, noon} {
			for _, verdicts := range [][]rules.Verdict{nil, {rules.Accepted}, {rules.Ignored, rules.Errored}} {
				text, _ := deliveryListing(rules.DeliveryFilter{Hook: hook, Since: since, Verdicts: verdicts})
				texts = append(texts, text)
			}
			for _, states := range [][]runner.State{nil, {runner.Queued}, {runner.Failed}, {runner.Running, runner.Failed, runner.TimedOut}} {
				text, _ := runListing(runner.RunFilter{Hook: hook, Since: since, States: states})
				texts = append(texts, text)
			}
		}
	}
	for _, text := range texts {
		plan := explain(t, s, text)
		for step := range strings.Lines(plan) {
			if strings.Contains(step, "SCAN") && !strings.Contains(step, "USING INDEX") || strings.Contains(step, "TEMP B-TREE") {
				t.Errorf("%s\n%s", text, plan)
			}
		}
	}
}

func TestLookupsFollowAnIndex(t *testing.T) {
	s := openTemp(t)
	ofDelivery, _ := runListing(runner.RunFilter{Delivery: 1})
	for text, want := range map[string]string{
		unfinishedPlaces: "SCAN run USING INDEX run_unfinished",
		recentlyFired:    "SEARCH run USING INDEX run_throttle (hook=? AND rule=? AND throttle_key=? AND queued_at>? AND queued_at<?)",
		successors:       "SEARCH run USING INDEX run_of_group (group=? AND id>?)",
		burstRuns:        "SEARCH run USING INDEX run_debounce (hook=? AND rule=? AND debounce_key=?)",
		burstBegan:       "SEARCH run USING INDEX run_debounce (hook=? AND rule=? AND debounce_key=?)",
		groupCount:       "SEARCH run USING INDEX run_group (group=?)",
		groupWaiting:     "SEARCH run USING INDEX run_group (group=?)",
		groupRunning:     "SEARCH run USING INDEX run_group (group=?)",
		ofDelivery:       "SEARCH run USING INDEX run_delivery (delivery=?)",
		runsOf:           "SEARCH run USING INDEX run_delivery (delivery=?)",
		outputAfter:      "SEARCH output USING INDEX sqlite_autoindex_output_1 (run=? AND attempt=? AND seq>?)",
	} {
		if plan := explain(t, s, text); !strings.Contains(plan, want) {
			t.Errorf("%s\n%s", text, plan)
		}
	}
}

func explain(t *testing.T, s *Store, text string) string {
	t.Helper()
	args := make([]any, strings.Count(text, "?"))
	rows, err := s.readDB.Query("EXPLAIN QUERY PLAN "+text, args...)
	if err != nil {
		t.Fatal(text, err)
	}
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		plan.WriteString(step + "\n")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan.String()
}
