// Package server holds the DOORS: the public one, where hooks are answered, and
// the private one, where the people who run the server look and act.
//
// [Intake] is the public door and follows one straight line for each request:
// find the hook, read the body, verify, evaluate, store, answer (intake.go, serve.go,
// admit.go; what is turned away ends in refusal.go; handshake.go answers providers
// that check an address, loop.go stops runs that cause each other; what no request
// brought comes in by emit.go). How many requests are worked on at once, and what
// becomes of the others, is in places.go, place.go, refuse.go and
// overdue.go. It answers 2xx to an event that fires a
// rule only after the event and its runs are on disk. A hook can want that answer
// to tell what becomes of the runs (respond.go, then wait.go or stream.go), which
// it reads as the private door does (follow.go). [API] is the private door:
// JSON about deliveries, runs and hooks (api.go), why rules fired (explain.go), and
// what one can do by hand (byhand.go, pause.go), with who does it (peer.go). A
// [Door] puts either of them at an address, within [Limits] (connections.go bounds
// how many may be connected, link.go is what the requests of one connection share).
//
// The package decides nothing about rules and runs nothing; it asks rules, store
// and runner through the interfaces it declares beside their use. The router is
// known in this package alone.
package server
