// Package call performs the runs that are requests to others: the http action,
// and the status of a commit.
//
// [New] makes a [Performer], which is a runner.Performer. http.go builds the
// request of an attempt, its secrets filled in and signed with the time of the
// attempt; answer.go judges what came back and keeps it as the run's output;
// status.go says what becomes of a run in the words of each code host
// (services.go). What is sent was decided by package rules, when it is tried
// again by package runner, and which addresses may be reached by package
// outbound.
//
// Start reading at [Performer.Perform].
package call
