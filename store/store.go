// Package store remembers deliveries, their runs and what the runs printed, in
// one SQLite file. It is the only room that knows database/sql.
//
// It owns the state folder: hooktender.db, and hooktender.lock, by which one
// process at a time may use it. What a caller is told to be stored is on disk:
// a write returns after its COMMIT has been synced.
//
// All writes go through one goroutine with one connection. Callers bring their
// rows ready to be written (encoded and compressed on their own time), and the
// writer commits whatever is waiting in one transaction, so that many senders
// share the cost of one sync. Reads have connections of their own and never
// wait for a write.
//
// The store never decides anything. It knows no rule, starts no run, reads no
// clock for anybody's times, and gives the rows back as it got them.
//
// Start reading at intake.go, where an event comes in, then queue.go and
// writer.go, through which it reaches the disk. ids.go explains why an id is
// known before that. runs.go is the runner's side (runner.Store), byhand.go what
// people did and who they were, tell.go the messages that are stored with what they
// tell, watch.go what watches remember, list.go and tail.go
// what the console and the command line read; prune.go is what is not kept,
// and share.go of what fired nothing; definition.go is what deliveries have in
// common. check.go looks at a database that may be damaged, and copies one. The tables
// are in migrations.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
	_ "modernc.org/sqlite" // the database/sql driver named "sqlite"
)

// ErrClosed is wrapped by the error of every write after Close.
var ErrClosed = errors.New("the store is closed")

// A Store is an open state folder. All methods may be called from any
// goroutine.
type Store struct {
	log     *slog.Logger
	lock    *os.File
	queue   *queue
	writer  *writer
	pruner  *pruner
	tx      *tx     // the writer's own
	writeDB *sql.DB // has no connection but tx's
	readDB  *sql.DB

	paused      atomic.Pointer[string] // hooks, as a JSON list
	dropped     atomic.Int64
	nextWarning atomic.Int64 // Unix seconds

	closing  sync.Once
	closeErr error
}

// readers is how many listings may be read at once; each holds a page cache.
const readers = 4

// Open opens the state folder dir, making it if there is none, and brings its
// database up to this program's schema. It fails at once when another process
// has the folder open, and when a newer program has written the database.
// ctx bounds the opening only.
func Open(ctx context.Context, dir string, log *slog.Logger) (*Store, error) {
	s, err := openFolder(ctx, dir, log)
	code := sqliteCode(err)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS) || code == sqliteReadOnly || code == sqliteCantOpen {
		err = fmt.Errorf("%w; the server must be able to write in its state folder: mount it for writing, "+
			"let it and all that is in it belong to the server's user (chown -R), or name another folder", err)
	}
	return s, err
}

func openFolder(ctx context.Context, dir string, log *slog.Logger) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening the state folder: %w", err)
	}
	dir, err := filepath.Abs(dir) // SQLite wants a URL, which cannot be relative
	if err != nil {
		return nil, fmt.Errorf("opening the state folder: %w", err)
	}
	lock, err := lockFolder(dir, time.Now())
	if err != nil {
		return nil, err
	}
	s := &Store{log: log, lock: lock, queue: newQueue()}
	if err := s.open(ctx, filepath.Join(dir, "hooktender.db")); err != nil {
		return nil, errors.Join(err, s.release())
	}
	go s.writer.run()
	s.pruner.start()
	return s, nil
}

func (s *Store) open(ctx context.Context, file string) (err error) {
	if err := createPrivate(file); err != nil {
		return err
	}
	// Migrations are not synced one by one: what a crash leaves of them is whole, and
	// the writer's first commit syncs them all before anything is stored.
	s.writeDB = openDB(file, "busy_timeout(5000)", "journal_mode(wal)", "synchronous(normal)", "foreign_keys(on)")
	conn, err := s.writeDB.Conn(ctx)
	if err != nil {
		return fmt.Errorf("opening %s: %w", file, err)
	}
	s.tx = newTx(conn)
	if err := migrate(ctx, conn, migrations); err != nil {
		return fmt.Errorf("%s: %w", file, explainTables(err))
	}
	if _, err := conn.ExecContext(ctx, "PRAGMA synchronous = full"); err != nil {
		return fmt.Errorf("%s: having each commit synced: %w", file, err)
	}
	if s.writer, err = newWriter(ctx, s.tx, s.queue); err != nil {
		return fmt.Errorf("%s: %w", file, explainTables(err))
	}
	if s.pruner, err = newPruner(ctx, s); err != nil {
		return fmt.Errorf("%s: %w", file, explainTables(err))
	}
	s.readDB = openDB(file, "busy_timeout(5000)", "query_only(on)")
	s.readDB.SetMaxOpenConns(readers)
	s.readDB.SetConnMaxIdleTime(time.Minute)
	return nil
}

// Close writes what is waiting, folds the write-ahead log into the database
// and lets go of the folder. Writes that come later fail with ErrClosed.
// Closing again returns the first call's error.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.pruner.end()
		s.queue.close()
		<-s.writer.stopped
		s.closeErr = errors.Join(s.writer.err, s.release())
	})
	return s.closeErr
}

// release closes what open opened. The readers go first, because the last
// connection to leave folds the log into the database, and the readers' may not.
func (s *Store) release() error {
	var errs []error
	if s.readDB != nil {
		errs = append(errs, s.readDB.Close())
	}
	if s.tx != nil {
		errs = append(errs, s.tx.close())
	}
	if s.writeDB != nil {
		errs = append(errs, s.writeDB.Close())
	}
	return errors.Join(append(errs, unlockFolder(s.lock))...)
}

// Ping makes one tiny write on the way that every write takes, and returns nil
// once it is on disk: the store answers.
func (s *Store) Ping(ctx context.Context) error {
	at := time.Now().UnixMicro()
	return s.submit(ctx, func(tx *tx) error { return tx.setMeta("last_ping", at) })
}

// Dropped tells how many deliveries given to Record were not kept since Open.
func (s *Store) Dropped() int64 { return s.dropped.Load() }

// submit hands one operation to the writer and waits until it is on disk. When
// ctx ends first, the operation may or may not still be carried out.
func (s *Store) submit(ctx context.Context, do func(*tx) error) error {
	return s.submitThen(ctx, do, nil)
}

// submitThen has the writer call then, if it is not nil, once the operation is
// on disk.
func (s *Store) submitThen(ctx context.Context, do func(*tx) error, then func()) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	done := make(chan error, 1)
	told := func(err error) {
		if err == nil && then != nil {
			then()
		}
		done <- err
	}
	if !s.queue.put(task{do: do, done: told}) {
		return ErrClosed
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("no longer waiting for the disk, the write may still happen: %w", ctx.Err())
	}
}

func openDB(file string, pragmas ...string) *sql.DB {
	return openWith(file, url.Values{"_pragma": pragmas})
}

func openReadOnly(file string) *sql.DB {
	return openWith(file, url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(5000)"}})
}

// openImmutable opens a file that nobody can be writing.
func openImmutable(file string) *sql.DB {
	return openWith(file, url.Values{"mode": {"ro"}, "immutable": {"1"}})
}

func openWith(file string, options url.Values) *sql.DB {
	dsn := url.URL{Scheme: "file", Path: file, RawQuery: options.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		panic(err) // the driver's name is wrong: it is imported above
	}
	return db
}

// createPrivate makes the file readable by its owner alone before SQLite does
// so with whatever the umask says. The files that SQLite puts beside it get
// the same mode.
func createPrivate(file string) error {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("opening the database: %w", err)
	}
	return f.Close()
}
