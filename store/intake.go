package store

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// maxRejectedBody is how much of what nobody has verified is kept.
const maxRejectedBody = 64 << 10

const (
	insertDelivery = `INSERT INTO delivery (id, hook, received_at, remote_ip, method, path,
		event, event_id, verdict, reason, rules, size, headers, replay_of, definition, dedupe_key, duplicate_of)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	insertBody = `INSERT INTO body (delivery, packed, data) VALUES (?, ?, ?)`
	insertRun  = `INSERT INTO run (id, delivery, hook, rule, action, state, attempt,
		error, queued_at, started_at, finished_at, command, "group", group_limit, not_before, throttle_key, debounce_key, burst_at,
		hold, rerun_of, caused_by, chain, tells_of, signal, process)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', '')`
)

// Accept stores a delivery with its body and runs, in one transaction, and
// returns nil once that is on disk. It makes the delivery's verdict accepted,
// gives it and the runs their ids, joins them (Run.Delivery, Run.Event), and
// queues the runs that have no state yet. A run whose group is busy may come
// back as skipped, one that is debounced as waiting, one that is throttled
// without an id and is not stored; where all are, the delivery comes back with
// the verdict throttled, and is recorded. So is one that was accepted before: it
// comes back with the verdict duplicate and DuplicateOf, and none of its runs is
// stored. Runs may have displaced others, which are superseded in the same
// transaction; those that run already are for the caller to end. What a person did
// (Run.By) is stored along with it, as done to the delivery.
//
// An error that wraps ctx's means that the caller stopped waiting, and the
// event may be stored nevertheless, all of it or nothing: it may run, and so
// must not be called lost, and the sender may be asked to try again only if
// being run twice is bearable. After any other error nothing is stored; only a
// disk that failed in the middle of a sync may bring it back when the server
// is started again.
func (s *Store) Accept(ctx context.Context, d *rules.Delivery, runs []*runner.Run) (runner.Displaced, error) {
	d.ID = s.writer.deliveries.next()
	d.Verdict = rules.Accepted
	rows, err := deliveryRows(d, d.Body)
	if err != nil {
		return runner.Displaced{}, err
	}
	a := &admission{at: d.ReceivedAt, delivery: rows, paused: s.pausedHooks(), teller: s.teller(), seen: sightingOf(d)}
	for _, r := range runs {
		if r.By != nil {
			r.By.Delivery = d.ID
			a.audit = append(a.audit, auditRows(r.By)...)
		}
		r.ID = s.writer.runs.next()
		r.Delivery, r.Event = d.ID, d.Event
		r.State = cmp.Or(r.State, runner.Queued)
		if err := a.add(r); err != nil {
			return runner.Displaced{}, err
		}
	}
	if err := s.submit(ctx, a.do); err != nil {
		return runner.Displaced{}, fmt.Errorf("storing delivery %d: %w", d.ID, err)
	}
	for i, r := range runs {
		a.tell(i, r)
	}
	switch {
	case a.first != 0:
		d.DuplicateOf = a.first
		s.recordInstead(d, rules.Duplicate, fmt.Sprintf("seen before, as delivery %d", a.first))
	case a.stored == 0 && len(runs) > 0:
		s.recordInstead(d, rules.Throttled, "each rule that matched has fired too recently (throttle)")
	}
	return a.displaced, nil
}

// recordInstead keeps a delivery that would have been accepted and is not.
func (s *Store) recordInstead(d *rules.Delivery, verdict rules.Verdict, reason string) {
	d.Verdict, d.Reason = verdict, reason
	if d.Routine {
		return
	}
	if s.queue.full() || !s.offer(d) {
		s.drop(nil)
	}
}

// Record keeps a delivery that fired nothing or was rejected, soon and best
// effort. It gives the delivery its id at once and never waits for the disk:
// what comes quicker than it can be written is dropped and counted. Only the
// newest 10,000 of these deliveries are kept, and the newest 10,000 that were
// rejected, or are handshakes, apart from them. As those come from anybody, only a body of up to 64 KiB
// is kept of them.
//
// The id stays 0 when none can be given that is sure never to be used again,
// which takes a disk that has refused or delayed all writes for a while, or a
// closed store.
func (s *Store) Record(d *rules.Delivery) {
	d.ID = s.tellableID()
	if d.ID == 0 || s.queue.full() || !s.offer(d) {
		s.drop(nil)
	}
}

// tellableID returns an id that may be told before anything is written, or 0.
func (s *Store) tellableID() int64 {
	ids := s.writer.deliveries
	id := ids.next()
	if ids.low() {
		wake(s.queue.urgent)
	}
	if !ids.isPromised(id) {
		return 0
	}
	return id
}

func (s *Store) offer(d *rules.Delivery) bool {
	body := d.Body
	if d.Verdict == rules.Rejected && len(body) > maxRejectedBody {
		body = nil
	}
	rows, err := deliveryRows(d, body)
	if err != nil {
		return false
	}
	kept, id := s.writer.shareOf(d), d.ID
	return s.queue.offer(task{do: rows.insert, size: rows.size(), kept: kept, done: func(err error) {
		if err != nil {
			s.drop(err)
			return
		}
		kept.ids = append(kept.ids, id)
	}})
}

// settleWithin bounds how long somebody who looks waits for what was recorded.
const settleWithin = time.Second

// settle waits until what was recorded so far is on disk, so that a person who
// looks right after an event finds it. If the disk does not take it, what is
// there is shown all the same.
func (s *Store) settle(ctx context.Context) {
	settled := make(chan struct{})
	nothing := func(*tx) error { return nil }
	if !s.queue.follow(task{do: nothing, done: func(error) { close(settled) }}) {
		return
	}
	select {
	case <-settled:
	case <-ctx.Done():
	case <-time.After(settleWithin):
	}
}

// drop counts a delivery that is not kept, and says so at most once a minute.
func (s *Store) drop(err error) {
	dropped := s.dropped.Add(1)
	now := time.Now().Unix()
	if due := s.nextWarning.Load(); now >= due && s.nextWarning.CompareAndSwap(due, now+60) {
		s.log.Warn("deliveries that fired nothing come quicker than they can be stored, or the disk refuses them; "+
			"some are not kept", "dropped_since_start", dropped, "error", err)
	}
}
