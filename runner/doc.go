// Package runner MAKES IT HAPPEN: it takes runs that are stored, starts as many
// at once as it may, keeps the rest in order, and sees each one to its end.
//
// It owns the lines of the queue (queue.go), whose turn it is (dispatch.go,
// reserve.go), runs whose time has not come and
// those that are tried again (wait.go), what people do to runs and to hooks
// (byhand.go), the life of an attempt from the first write to the last
// (attempt.go, launch.go, await.go, outcome.go), processes (process.go, starting.go) and their
// trees (tree_linux.go; cgroups_linux.go and cgroup_linux.go where the kernel
// keeps them), what they may take (limits.go), who they are (user.go), what a
// script is given (environ.go, payload.go, files.go) and what it printed (output.go,
// recorder.go), without its secrets (mask.go). Runs that are no processes, calls
// and messages, are performed by a [Performer] (perform.go, performed.go) in lanes
// of their own (store.go); tell.go says which messages follow from what a run has
// come to. It never decides whether something should run, and never answers a
// sender.
//
// Every step is written to the [Store] before the next one is taken: "running"
// before the process starts, the end before the place is given to another. So
// after a crash what is found queued runs, and what is found running was
// interrupted (recover.go). cause.go finds the run whose script sent a request.
//
// Start reading at [Runner.Enqueue].
package runner
