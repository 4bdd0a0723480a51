// Package watch finds EVENTS THAT NOBODY SENDS: that a website is down, that the
// JSON behind a URL has changed, that it is three in the morning, that a hook has
// been quiet for too long.
//
// A [Watcher] runs the watches of a configuration (watcher.go). Each thing that is
// looked at is a job with a goroutine of its own (job.go, memory.go), so that a slow
// website keeps no other waiting, and a source that knows what to look at: check.go with
// visit.go, poll.go, schedule.go, quiet.go. What a failed look means is put into
// words in explain.go.
//
// No event is lost and none is told twice, whenever the server is killed. What a
// look has found is on disk, together with the events that follow from it, before
// any of them is told of; and an event that is told again, because it could not be
// noted any more that it was told of, has the id of the first, by which it is known
// (dedupe). A look at which nothing has changed matters only where a rule fires, and
// is kept only where it does. Where it leaves what is known as it was, it is told of
// before anything is saved: another look would find the same.
//
// The package decides nothing: whether an event fires a rule, and what becomes of
// it, is the affair of those behind [Events].
package watch
