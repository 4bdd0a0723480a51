// Command bench measures hooktender beside others, on the machine that it is
// started on:
//
//	go run ./bench -peer webhook=/usr/local/bin/webhook
//
// It builds hooktender and a bare net/http handler that checks an HMAC, which is
// the limit (bench/bare). Peers are given as binaries by their paths; this
// repository has neither their code nor a way to build them. All are measured in
// turns, in several rounds, each time as a new process, and what is printed are
// medians and ratios: absolute figures hold for one machine, ratios for longer.
//
// cases.go says what is measured, measure.go, latency.go, history.go and overload.go how.
// system.go is what differs from one server to the next, process.go starts them
// and proc.go asks the system what they use, load.go sends the requests, and
// table.go prints. The senders share the machine
// with what they measure, which is the same for all; they connect to loopback
// alone, and every case ends after a bounded time.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

type options struct {
	peers    []string // NAME=PATH
	rounds   int
	time     time.Duration // for one measurement
	only     []string      // letters of cases; none: all
	markdown bool
	profiles string // folder for CPU profiles; empty: none are made
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o, err := readOptions(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		err = run(ctx, o, os.Stdout, os.Stderr)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func readOptions(args []string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Func("peer", "`NAME=PATH` of a server to compare with, may be given more often; NAME is one of "+strings.Join(peerNames(), ", "),
		func(peer string) error {
			o.peers = append(o.peers, peer)
			_, err := newPeer(peer)
			return err
		})
	flags.IntVar(&o.rounds, "rounds", 3, "rounds, of which the medians are printed, at most 20")
	flags.DurationVar(&o.time, "time", 3*time.Second, "how long each measurement takes, at most 1m")
	only := flags.String("only", "", "letters of the cases that are measured, as in a,b (default all)")
	flags.BoolVar(&o.markdown, "markdown", false, "print the table as Markdown")
	flags.StringVar(&o.profiles, "profiles", "", "`folder` for a CPU profile of hooktender in each case, for go tool pprof; it costs a little")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("%q is no flag", flags.Arg(0))
	}
	if o.rounds < 1 || o.rounds > 20 || o.time < 10*time.Millisecond || o.time > time.Minute {
		return o, errors.New("-rounds is 1 to 20, -time 10ms to 1m")
	}
	o.only, err = readLetters(*only)
	return o, err
}

// readLetters reads which cases are meant.
func readLetters(list string) (letters []string, err error) {
	for letter := range strings.SplitSeq(list, ",") {
		letter = strings.TrimSpace(letter)
		if letter == "" {
			continue
		}
		if !slices.ContainsFunc(cases, func(c benchCase) bool { return c.letter == letter }) {
			return nil, fmt.Errorf("-only: there is no case %q; see the letters in bench/cases.go", letter)
		}
		letters = append(letters, letter)
	}
	return letters, nil
}

// run measures and prints the table to out, and how far it is to progress.
func run(ctx context.Context, o options, out, progress io.Writer) error {
	lab, err := newLab(ctx, o)
	if err != nil {
		return err
	}
	defer lab.close()
	if len(o.peers) == 0 {
		fmt.Fprintln(progress, "no -peer is given: compared with the bare handler alone")
	}
	r := newResults(lab.systems)
	began := time.Now()
	for round := range o.rounds {
		for _, c := range cases {
			if len(o.only) > 0 && !slices.Contains(o.only, c.letter) {
				continue
			}
			for i := range lab.systems {
				s := lab.systems[(i+round)%len(lab.systems)] // another one goes first in each round
				if c.ours && !s.ours() {
					continue
				}
				lab.current = c
				m, err := c.measure(ctx, lab, s)
				if errors.Is(err, errCannot) {
					continue
				}
				if err != nil {
					return fmt.Errorf("(%s) %s: %s: %w", c.letter, c.title, s.name(), err)
				}
				fmt.Fprintf(progress, "round %d/%d (%s) %s: %s %s\n", round+1, o.rounds, c.letter, c.title, s.name(), m.text(c))
				r.add(c, s, m)
			}
		}
	}
	r.print(out, o.markdown)
	fmt.Fprintf(out, "\n%s\nMedians of %d rounds of %v each; it took %v.\n", lab.describe(), o.rounds, o.time, time.Since(began).Round(time.Second))
	if len(o.peers) == 0 {
		fmt.Fprintln(out, "No peer was given (-peer NAME=PATH), so the bare handler is all there is to compare with.")
	}
	return nil
}
