// Package past makes up a long past: a database as a server has it after
// years, so that what becomes slow with the years can be measured in minutes.
package past

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	_ "modernc.org/sqlite"
)

// Write puts n ended runs, each with its delivery and body, in the place of the
// deliveries of a database that has no runs yet and that nobody has open: of a hundred hooks /hook/0 to /hook/99, one in twenty
// failed, one every ten seconds up to now. The file is not synced.
func Write(file string, n int) (err error) {
	db, err := sql.Open("sqlite", file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1) // a PRAGMA is of its connection
	first := time.Now().Add(-time.Duration(n) * 10 * time.Second).UnixMicro()
	for _, text := range statements {
		if strings.HasPrefix(text, "INSERT") {
			text = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT @n) " + text
		}
		if _, err := db.Exec(text, sql.Named("n", n), sql.Named("first", first)); err != nil {
			return fmt.Errorf("write a history to %s: %w: %s", file, err, text)
		}
	}
	return nil
}

// statements are a few large ones: one for each run would take an hour.
var statements = []string{
	"PRAGMA synchronous = off",
	"DELETE FROM body",
	"DELETE FROM delivery",
	`INSERT INTO delivery (id, hook, received_at, remote_ip, method, path, event, event_id, verdict, reason, rules, size, headers)
		SELECT i, '/hook/' || (i % 100), @first + i * 10000000, '192.0.2.7', 'POST', '/hook/' || (i % 100), 'push', 'e' || i,
		'accepted', '', '[{"rule":"redeploy","matched":true}]', 100, '{"Content-Type":["application/json"]}' FROM n`,
	`INSERT INTO body (delivery, packed, data) SELECT i, 0, zeroblob(100) FROM n`,
	`INSERT INTO run (id, delivery, hook, rule, action, state, attempt, exit_code, signal, error, queued_at, started_at, finished_at, process,
		command, "group", group_limit, throttle_key)
		SELECT i, i, '/hook/' || (i % 100), 'redeploy', 'run', iif(i % 20 = 0, 'failed', 'succeeded'), 1, i % 20 = 0, '', iif(i % 20 = 0, 'exit code 1', ''),
		@first + i * 10000000, @first + i * 10000000 + 1000, @first + i * 10000000 + 2000, '', '{"script":"./deploy.sh"}',
		'group ' || (i % 100), 1, 'key ' || (i % 100) FROM n`,
	`INSERT INTO output (run, attempt, seq, packed, data) SELECT i, 1, 1, 0, zeroblob(50) FROM n`,
	`UPDATE meta SET value = value + @n WHERE name <> 'last_ping'`,
}
