package main

import (
	"math"
	"os"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	// The name may hold spaces and brackets.
	own, children, err := parseStat("4242 (a (b) c) S 1 4242 4242 0 -1 4194560 1 2 3 4 150 50 25 5 20 0 9 0 17 1 2 3\n")
	if err != nil || own != 2*time.Second || children != 300*time.Millisecond {
		t.Error(own, children, err)
	}
	for _, stat := range []string{"", "4242 (x) S 1 2", "4242 (x) S 1 4242 4242 0 -1 4194560 1 2 3 4 x 50 25 5 20 0 9"} {
		if _, _, err := parseStat(stat); err == nil {
			t.Errorf("%q is read", stat)
		}
	}
}

func TestParseStatus(t *testing.T) {
	memory, peak, err := parseStatus("Name:\tx\nVmPeak:\t  900 kB\nVmHWM:\t   20 kB\nVmRSS:\t   10 kB\nThreads:\t1\n")
	if err != nil || memory != 10<<10 || peak != 20<<10 {
		t.Error(memory, peak, err)
	}
	for _, status := range []string{"", "VmRSS:\t10 kB\n", "VmHWM:\tmuch\nVmRSS:\t10 kB\n"} {
		if _, _, err := parseStatus(status); err == nil {
			t.Errorf("%q is read", status)
		}
	}
}

func TestUsageOfThisProcess(t *testing.T) {
	u, err := usageOf(os.Getpid())
	if err != nil || u.memory == 0 || u.peak < u.memory {
		t.Error(u, err)
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 100, 2}, 3}} {
		if got := median(c.values); got != c.want {
			t.Errorf("the median of %v is %v, want %v", c.values, got, c.want)
		}
	}
}

func TestQuantile(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(i + 1)
	}
	for _, c := range []struct {
		values  []float64
		q, want float64
	}{{nil, .5, 0}, {[]float64{7}, .99, 7}, {hundred, .5, 50}, {hundred, .99, 99}, {hundred, 1, 100}, {[]float64{1, 2, 3}, .5, 2}} {
		if got := quantile(c.values, c.q); got != c.want {
			t.Errorf("quantile %v of %d values is %v, want %v", c.q, len(c.values), got, c.want)
		}
	}
}

// What is smaller is better of times, larger of rates; and who has no row in a
// case is compared by the one that stands for it.
func TestRatios(t *testing.T) {
	us, peer := hooktender{"hooktender", ""}, webhook{}
	r := newResults([]system{us, peer})
	rate := benchCase{title: "rate", unit: "req/s"}
	late := benchCase{title: "late", unit: "ms", lower: true}
	held := benchCase{title: "held", unit: "req/s", against: "rate", beside: "rate"}
	for i, v := range []float64{300, 100, 200} {
		r.add(rate, us, only(v))
		r.add(rate, peer, only(v/[]float64{1, 2, 8}[i])) // the middle of the rounds, not that of the medians
		r.add(late, us, only(v))
		r.add(late, peer, only(v/4))
		r.add(held, us, only(v*3))
	}
	for _, c := range []struct {
		benchCase
		want float64
	}{{rate, 2}, {late, .25}, {held, 6}} {
		if got := r.ratio(c.benchCase, us, peer); got != c.want {
			t.Errorf("%s: %v, want %v", c.title, got, c.want)
		}
	}
	row := r.row(held, us)
	if row[len(row)-1] != "3.00" || row[2] != "600 req/s" || row[3] != "300–900" {
		t.Error(row)
	}
	if !math.IsNaN(r.value("rate", bare{})) {
		t.Error("something is told of a server that was not measured")
	}
}
