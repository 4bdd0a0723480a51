package main

import (
	"log/slog"
	"testing"

	"github.com/hooktender/hooktender/store"
)

// openStore opens the state folder of a server that has ended.
func openStore(t *testing.T, state string) *store.Store {
	t.Helper()
	st, err := store.Open(t.Context(), state, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return st
}
