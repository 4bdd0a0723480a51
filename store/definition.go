package store

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/hooktender/hooktender/rules"
)

const (
	// noteUse is how far used_at may be behind: it is not worth a write for each
	// delivery.
	noteUse = time.Hour

	upsertDefinition = `INSERT INTO definition (id, text, used_at) VALUES (?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET used_at = max(used_at, excluded.used_at)`

	fullDelivery = `SELECT ` + deliveryColumns + `, headers, definition,
		(SELECT text FROM definition WHERE definition.id = delivery.definition) FROM delivery WHERE id = ?`

	deleteDefinitions = `DELETE FROM definition WHERE used_at < ?`
)

// A definitionUse is a definition that a delivery refers to, which came at a time;
// the zero value is none.
type definitionUse struct {
	*rules.Definition
	at int64
}

func useOf(d *rules.Delivery) definitionUse {
	return definitionUse{d.Definition, d.ReceivedAt.UnixMicro()}
}

func (u definitionUse) id() int64 {
	if u.Definition == nil {
		return 0
	}
	return u.ID
}

// definitions knows which definitions are on disk and in use, so that a delivery
// writes its own only now and then. It belongs to the writer's goroutine.
type definitions struct {
	noted map[int64]int64 // used_at on disk, by id
	fresh map[int64]int64 // the same, of the transaction under way
}

func newDefinitions() definitions {
	return definitions{noted: map[int64]int64{}, fresh: map[int64]int64{}}
}

// keep writes a definition, unless it is there.
func (ds *definitions) keep(tx *tx, u definitionUse) error {
	for _, known := range []map[int64]int64{ds.noted, ds.fresh} {
		if used, ok := known[u.ID]; ok && u.at < used+noteUse.Microseconds() {
			return nil
		}
	}
	if _, err := tx.exec(upsertDefinition, u.ID, u.Text, u.at); err != nil {
		return fmt.Errorf("keeping the rules of then: %w", err)
	}
	ds.fresh[u.ID] = u.at
	return nil
}

// committed notes that what the transaction kept is on disk.
func (ds *definitions) committed() {
	for id, at := range ds.fresh {
		ds.noted[id] = at
	}
	clear(ds.fresh)
}

// forget notes that it is not.
func (ds *definitions) forget() { clear(ds.fresh) }

// prune deletes what no delivery has referred to since before.
func (ds *definitions) prune(tx *tx, before int64) error {
	clear(ds.noted) // what is needed still is written again
	_, err := tx.exec(deleteDefinitions, before-noteUse.Microseconds())
	return err
}

func scanFullDelivery(row scanner) (*rules.Delivery, error) {
	var headers []byte
	var id int64
	var text sql.NullString
	d, err := scanDeliveryAnd(row, &headers, &id, &text)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(headers, &d.Header); err != nil {
		return nil, fmt.Errorf("its headers: %w", err)
	}
	if text.Valid {
		d.Definition = &rules.Definition{ID: id, Text: text.String}
	}
	return d, nil
}
