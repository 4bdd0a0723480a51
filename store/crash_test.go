package store

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

func init() {
	helpers["accept until killed"] = acceptUntilKilled
	helpers["fill the disk"] = fillTheDisk
}

func startAgain(t *testing.T, helper, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], dir)
	cmd.Env = append(os.Environ(), helperVariable+"="+helper)
	cmd.Stderr = os.Stderr
	return cmd
}

func mustOpen(dir string) *Store {
	s, err := Open(context.Background(), dir, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	must(err)
	return s
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "helper:", err)
		os.Exit(1)
	}
}

// acceptUntilKilled says a line for whatever a sender would have been told.
func acceptUntilKilled(dir string) {
	s := mustOpen(dir)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				ignored := newDelivery("/a", "")
				s.Record(ignored)
				fmt.Fprintf(os.Stdout, "ignored %d 0\n", ignored.ID)
				d, run := newDelivery("/a", "body"), newRun("/a", "redeploy")
				_, err := s.Accept(context.Background(), d, []*runner.Run{run})
				must(err)
				fmt.Fprintf(os.Stdout, "accepted %d %d\n", d.ID, run.ID)
			}
		})
	}
	wg.Wait()
}

func TestKilledProcessLosesNothingAccepted(t *testing.T) {
	dir := t.TempDir()
	helper := startAgain(t, "accept until killed", dir)
	lines, err := helper.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := helper.Start(); err != nil {
		t.Fatal(err)
	}
	told := readLines(lines, 600, func() { _ = helper.Process.Kill() })
	_ = helper.Wait() // it was killed

	s := open(t, dir)
	var lastDelivery, lastRun int64
	for _, line := range told {
		var what string
		var delivery, run int64
		if _, err := fmt.Sscan(line, &what, &delivery, &run); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		lastDelivery, lastRun = max(lastDelivery, delivery), max(lastRun, run)
		if what == "accepted" {
			checkAccepted(t, s, delivery, run)
		}
	}
	d, run := newDelivery("/a", ""), newRun("/a", "next")
	accept(t, s, d, run)
	if d.ID <= lastDelivery || run.ID <= lastRun {
		t.Errorf("delivery %d and run %d were told before: up to %d and %d", d.ID, run.ID, lastDelivery, lastRun)
	}
	if d.ID > lastDelivery+2*reserve || run.ID > lastRun+2*reserve {
		t.Errorf("the numbering leaps from %d and %d to %d and %d", lastDelivery, lastRun, d.ID, run.ID)
	}
}

// readLines reads all lines there are, and calls after when it has read n.
func readLines(r interface{ Read([]byte) (int, error) }, n int, after func()) (lines []string) {
	for scanner := bufio.NewScanner(r); scanner.Scan(); {
		if lines = append(lines, scanner.Text()); len(lines) == n {
			after()
		}
	}
	return lines
}

func checkAccepted(t *testing.T, s *Store, delivery, run int64) {
	t.Helper()
	if d, err := s.Delivery(t.Context(), delivery); err != nil || d.Verdict != rules.Accepted {
		t.Errorf("delivery %d: %+v, %v", delivery, d, err)
	}
	if body, err := s.Body(t.Context(), delivery); err != nil || string(body) != "body" {
		t.Errorf("body of delivery %d: %q, %v", delivery, body, err)
	}
	if r, err := s.Run(t.Context(), run); err != nil || r.Delivery != delivery || r.State != runner.Queued || r.Command == nil {
		t.Errorf("run %d of delivery %d: %+v, %v", run, delivery, r, err)
	}
}

// fillTheDisk lets no file grow for a while, and says what happened.
func fillTheDisk(dir string) {
	signal.Notify(make(chan os.Signal, 1), unix.SIGXFSZ) // which would end the process
	s := mustOpen(dir)
	try := func(name string) {
		d, run := newDelivery("/a", "body"), newRun("/a", "redeploy")
		_, err := s.Accept(context.Background(), d, []*runner.Run{run})
		fmt.Printf("%s %d %d %v\n", name, d.ID, run.ID, err)
	}
	try("before")
	limitFiles(4096)
	for range 3 {
		try("full")
		s.Record(newDelivery("/a", ""))
	}
	fmt.Println("ping", s.Ping(context.Background()))
	limitFiles(unix.RLIM_INFINITY)
	try("after")
	must(s.Close())
}

func limitFiles(size uint64) {
	limit := unix.Rlimit{Cur: size, Max: unix.RLIM_INFINITY}
	must(unix.Prlimit(0, unix.RLIMIT_FSIZE, &limit, nil))
}

func TestFullDiskIsSurvived(t *testing.T) {
	dir := t.TempDir()
	var said bytes.Buffer
	helper := startAgain(t, "fill the disk", dir)
	helper.Stdout = &said
	if err := helper.Run(); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	for line := range strings.Lines(said.String()) {
		failed := strings.Contains(line, "disk I/O error")
		switch word, _, _ := strings.Cut(line, " "); word {
		case "full", "ping":
			if !failed {
				t.Errorf("nobody was told: %s", line)
			}
		default:
			var delivery, run int64
			if _, err := fmt.Sscan(line, &word, &delivery, &run); err != nil || failed {
				t.Fatalf("%s: %v", line, err)
			}
			checkAccepted(t, s, delivery, run)
		}
	}
	if n := count(t, s, "delivery WHERE verdict = 'accepted'"); n != 2 {
		t.Errorf("%d are stored, 2 were accepted: %s", n, &said)
	}
}

// What a file system without space is to SQLite, whatever the errno.
func TestFullDatabaseIsSurvived(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	pragma := func(text string) {
		must(s.submit(t.Context(), func(tx *tx) error {
			_, err := tx.conn.ExecContext(context.Background(), text)
			return err
		}))
	}
	pragma("PRAGMA max_page_count = 1") // as many as there are
	var err error
	for range 100 {
		if _, err = s.Accept(t.Context(), newDelivery("/a", strings.Repeat("x", 100)), nil); err != nil {
			break
		}
	}
	if err == nil || !strings.Contains(err.Error(), "database or disk is full") {
		t.Errorf("Accept says %v", err)
	}
	pragma("PRAGMA max_page_count = 1000000")
	accept(t, s, newDelivery("/a", "body"), newRun("/a", "after"))
	if _, err := os.Stat(filepath.Join(dir, "hooktender.db")); err != nil {
		t.Error(err)
	}
}
