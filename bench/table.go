package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
)

// results are the measurements of all rounds.
type results struct {
	systems []system
	all     map[string][]measurement // by case and system
	cases   []benchCase              // that were measured, in order
}

func newResults(systems []system) *results {
	return &results{systems: systems, all: map[string][]measurement{}}
}

func key(title string, s system) string { return title + "\x00" + s.name() }

func (r *results) add(c benchCase, s system, m measurement) {
	known := false
	for _, other := range r.cases {
		known = known || other.title == c.title
	}
	if !known {
		r.cases = append(r.cases, c)
	}
	r.all[key(c.title, s)] = append(r.all[key(c.title, s)], m)
}

// median of one column; NaN if nothing was measured.
func (r *results) median(title string, s system, column func(measurement) float64) float64 {
	var values []float64
	for _, m := range r.all[key(title, s)] {
		if v := column(m); !math.IsNaN(v) {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return math.NaN()
	}
	return median(values)
}

func (r *results) value(title string, s system) float64 {
	return r.median(title, s, func(m measurement) float64 { return m.value })
}

// ratio is how many times as good a system is as another one: as quick, or as
// small.
func (r *results) ratio(c benchCase, s, other system) float64 {
	theirs := c.title
	if len(r.all[key(theirs, other)]) == 0 && c.against != "" {
		theirs = c.against
	}
	return r.better(c, s, theirs, other)
}

// better is the median of how many times as good each round was: a machine that
// has other things to do in one round is so for all that are in it.
func (r *results) better(c benchCase, s system, than string, other system) float64 {
	ours, theirs := r.all[key(c.title, s)], r.all[key(than, other)]
	var ratios []float64
	for i := range min(len(ours), len(theirs)) {
		if c.lower {
			ratios = append(ratios, theirs[i].value/ours[i].value)
		} else {
			ratios = append(ratios, ours[i].value/theirs[i].value)
		}
	}
	if len(ratios) == 0 {
		return math.NaN()
	}
	return median(ratios)
}

// others are those that all are compared with.
func (r *results) others() (others []system) {
	for _, s := range r.systems {
		if s.name() != "hooktender" {
			others = append(others, s)
		}
	}
	return others
}

func (r *results) header() []string {
	cells := []string{"case", "server", "median", "min–max", "p50/p99 ms", "CPU µs (+ children)", "peak MB", "errors", "503 %"}
	for _, s := range r.others() {
		cells = append(cells, "× "+s.name())
	}
	return append(cells, "× its own")
}

func (r *results) row(c benchCase, s system) []string {
	column := func(f func(measurement) float64) float64 { return r.median(c.title, s, f) }
	least, most := math.Inf(1), math.Inf(-1)
	for _, m := range r.all[key(c.title, s)] {
		least, most = min(least, m.value), max(most, m.value)
	}
	cpu := number(column(func(m measurement) float64 { return m.own }))
	if children := column(func(m measurement) float64 { return m.children }); children >= 1 {
		cpu += " (+" + number(children) + ")"
	}
	latency := number(column(func(m measurement) float64 { return m.p50 }))
	if p99 := number(column(func(m measurement) float64 { return m.p99 })); p99 != "" {
		latency += "/" + p99
	}
	cells := []string{"(" + c.letter + ") " + c.title, s.name(), number(r.value(c.title, s)) + " " + c.unit, number(least) + "–" + number(most),
		latency, cpu, number(column(func(m measurement) float64 { return m.peak })), number(column(func(m measurement) float64 { return m.errors })),
		number(column(func(m measurement) float64 { return m.refused }))}
	for _, other := range r.others() {
		ratio := math.NaN()
		if other.name() != s.name() {
			ratio = r.ratio(c, s, other)
		}
		cells = append(cells, times(ratio))
	}
	own := math.NaN()
	if c.beside != "" {
		own = r.better(c, s, c.beside, s)
	}
	return append(cells, times(own))
}

// print writes the table, as Markdown or for a terminal.
func (r *results) print(out io.Writer, markdown bool) {
	rows := [][]string{r.header()}
	for _, c := range r.cases {
		for _, s := range r.systems {
			if len(r.all[key(c.title, s)]) > 0 {
				rows = append(rows, r.row(c, s))
			}
		}
	}
	if markdown {
		rows = append(rows[:1], append([][]string{rule(len(rows[0]))}, rows[1:]...)...)
		for _, row := range rows {
			fmt.Fprintf(out, "| %s |\n", strings.Join(row, " | "))
		}
		return
	}
	table := tabwriter.NewWriter(out, 2, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	_ = table.Flush()
}

// rule is the line below a header in Markdown: names to the left, numbers to the
// right.
func rule(columns int) []string {
	cells := []string{"---", "---"}
	for len(cells) < columns {
		cells = append(cells, "---:")
	}
	return cells
}

// number is three digits or the whole number, "" for NaN.
func number(v float64) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return ""
	case v == 0 || v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func times(ratio float64) string {
	if math.IsNaN(ratio) || math.IsInf(ratio, 0) {
		return ""
	}
	return fmt.Sprintf("%.2f", ratio)
}

// text is a measurement in the line that tells the progress.
func (m measurement) text(c benchCase) string { return number(m.value) + " " + c.unit }
