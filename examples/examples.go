// Package examples holds recipes, a folder each: a configuration, its scripts
// and a delivery. Every one of them is run by a test.
package examples

import "embed"

// Quickstart is what `hooktender demo` serves.
//
//go:embed quickstart
var Quickstart embed.FS
