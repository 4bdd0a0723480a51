// Package rules knows WHAT should happen: it turns the YAML file into a
// compiled [Set] of hooks, and a request into decisions and commands.
//
// It is pure. It reads the configuration file and the files and variables that
// the file refers to, once, when it is loaded; after that it touches no disk,
// no network, no process and no clock. A Set never changes and may be used by
// any number of goroutines, so a reload is one swap of a pointer.
//
// The way of a file: [Load] reads it, decode.go walks its nodes strictly and
// collects every [Problem] with its position. Each setting is defined once, with
// its form and what it means (form.go): in settings.go, rulesettings.go, policy.go,
// pace.go, hook.go, respond.go and verification.go, which make hooks of them;
// watch*.go make hooks that no request reaches, and channel*.go the places where
// people are told. What is written alike is compiled once (once.go).
// schema.go makes the JSON Schema for editors of the same definitions, manual.go
// the reference for people.
//
// The way of a request: [Hook.Verify] asks package verify whether it is genuine,
// [Hook.Evaluate] reads the payload (payload.go), asks each condition
// (expression.go; rewrite.go says what a field's name means in it) and fills in
// the values of those that fire (value.go). consequence.go says which commands follow:
// a process, a request (http*.go, signing.go), who is told (notice.go) and the
// status of a commit (status.go, commit.go). reading.go lets a rule read no more of a
// request than the proof speaks of. functions.go lists the functions that
// are ours, beside those of the expression language; meter.go and metering.go
// bound the work of an expression, so that no payload can keep the server busy.
//
// Why a rule fired or not is said by a [Trace] (trace.go, trace_condition.go),
// which is made only where somebody looks: [Explain] for a delivery that is kept
// and [Hook.Try] for a request that is only thought of (explain.go, trial.go).
//
// [Check] looks at a file in a third way: lint*.go read the expressions as they
// were written, with shapes of recorded payloads (sample.go) in place of values,
// for what can be loaded and is hardly meant.
//
// Every doubt means "does not fire": a condition that cannot be evaluated is
// recorded with its error and the rule is left alone.
//
// YAML and the expression language are known in this package alone.
package rules
