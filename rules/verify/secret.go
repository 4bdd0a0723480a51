package verify

import (
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
)

// masked is what a secret looks like wherever it is printed.
const masked = "<secret>"

// A Secret is a token, a password or a signing key as its owner wrote it. Every
// way of printing or encoding it yields "<secret>", but for three that no type
// can close: fmt does not call methods on unexported struct fields, nor for %p,
// and encoding/json takes a map's key as it is.
type Secret string

// Reveal returns the secret itself. Its result must not reach a log, an error
// or a page.
func (s Secret) Reveal() string { return string(s) }

// hide keeps a value where none of those reach: fmt walks through pointers and
// unexported fields, but not into a closure.
func hide[T any](v T) func() T { return func() T { return v } }

// StandIn takes the place of a secret that cannot be read, so that all else about
// a scheme is known. Any spelling of a secret key can be read of it; of a public
// one it is none, and then nothing can be signed and nothing is believed.
const StandIn = Secret("00000000000000000000000000000000")

// Unknown takes the place of a secret that is yet to come: nobody can have it, so
// nothing is believed.
func Unknown() Secret { return Secret(rand.Text()) }

// String returns "<secret>".
func (Secret) String() string { return masked }

// GoString returns "<secret>".
func (Secret) GoString() string { return masked }

// Format prints "<secret>" for every verb, %x and %d included.
func (Secret) Format(f fmt.State, _ rune) { io.WriteString(f, masked) }

// LogValue logs "<secret>".
func (Secret) LogValue() slog.Value { return slog.StringValue(masked) }

// MarshalText writes "<secret>".
func (Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }

// MarshalJSON writes "<secret>" as a string.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + masked + `"`), nil }
