package runner

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hooktender/hooktender/rules"
)

// The files of an attempt are the payload, a folder with the files that came in
// it, and, if the script makes it, the file that retryVar names. Those of the server's own user lie in the runner's
// private folder. Another user could not get through to there, so theirs lie in
// a folder outside that everybody may cross and nobody list, each attempt's in
// one of its own that belongs to its user alone.

func attemptName(run *Run) string { return fmt.Sprintf("%d-%d", run.ID, run.Attempt) }

func (r *Runner) payloadPath(run *Run) string {
	if isOurs(run.Command.User) {
		return filepath.Join(r.Dir, attemptName(run))
	}
	return filepath.Join(sharedFolder(r.Dir), attemptName(run), "payload")
}

// sharesPayload tells whether the attempt's files lie outside.
func (a *attempt) sharesPayload() bool { return filepath.Dir(a.payload) != a.r.Dir }

// sharedFolder is the folder outside that goes with a private one.
func sharedFolder(dir string) string {
	base := "/run"
	if unix.Access(base, unix.W_OK) != nil {
		base = os.TempDir()
	}
	return filepath.Join(base, fmt.Sprintf("hooktender-%.8x", sha256.Sum256([]byte(dir))))
}

// sharing is held while a shared folder is made or, empty, removed.
var sharing sync.Mutex

// maxLoads is how many payloads are in memory at once on their way from the store
// to a file: when many runs begin at once, as those of a hook that was paused, all
// of them may be large.
const maxLoads = 2

// writePayload makes the file with the body, and opens it for reading. A full
// disk is no fault of the script's, so the run waits for it to pass, as long as
// it is wanted; after that the file is nil. Anything else ends the run: what is
// in the way of its files would be there the next time, too.
func (a *attempt) writePayload(run *Run, as *account) (f *os.File, failed error) {
	err := a.r.persist("the payload", a.id, func(ctx context.Context) error {
		f, failed = nil, nil
		if a.endedBy() != none {
			return nil
		}
		if run.Body == nil {
			a.r.loads <- struct{}{}
			defer func() { <-a.r.loads }()
		}
		body, err := a.body(ctx, run)
		if err != nil {
			return err
		}
		if f, failed = a.makeFilesOf(run, body, as); failed == nil {
			run.Body = nil // the script may take its time
			return nil
		}
		a.removeFiles(run.Command)
		if isFull(failed) || isScarce(failed) {
			return failed
		}
		return nil
	})
	return f, cmp.Or(err, failed)
}

func (a *attempt) body(ctx context.Context, run *Run) ([]byte, error) {
	if run.Body != nil {
		return run.Body, nil
	}
	return a.r.Store.Body(ctx, run.Delivery)
}

func (a *attempt) makeFilesOf(run *Run, body []byte, as *account) (*os.File, error) {
	if as != nil {
		if err := makeShared(filepath.Dir(a.payload)); err != nil {
			return nil, fmt.Errorf("make a folder for the payload: %w", err)
		}
	}
	if run.Command.Files != "" {
		if err := makeFiles(a.filesFolder(), run.Command.Files, body, as); err != nil {
			return nil, fmt.Errorf("make the files of the payload: %w", err)
		}
	}
	f, err := makePayload(a.payload, body, as)
	if err != nil {
		return nil, fmt.Errorf("make the payload: %w", err)
	}
	return f, nil
}

// isFull tells that a disk has no more room.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// makePayload makes the file with the body, and opens it for reading. It is a new
// one each time: nothing tells whether that of an earlier attempt is still a mount of
// some container, or on its way through a socket that its pages were handed to. The
// folder is the last that becomes another user's, so that nothing of his is in the way
// meanwhile.
func makePayload(path string, body []byte, as *account) (*os.File, error) {
	if err := os.WriteFile(path, body, 0o600); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil || as == nil {
		return f, err
	}
	for _, name := range []string{path, filepath.Dir(path)} {
		if err := os.Lchown(name, int(as.uid), int(as.gid)); err != nil {
			f.Close()
			return nil, err
		}
	}
	return f, nil
}

// makeShared makes the folder of an attempt, and around it the shared one.
func makeShared(folder string) error {
	sharing.Lock()
	defer sharing.Unlock()
	shared := filepath.Dir(folder)
	if err := os.Mkdir(shared, 0o711); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := isOwn(shared); err != nil {
		return err
	}
	if err := os.Chmod(shared, 0o711); err != nil { // whatever our umask is
		return err
	}
	return os.Mkdir(folder, 0o700)
}

// isOwn makes sure that a folder is a real one and ours: others may write where
// it lies.
func isOwn(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is no folder, but a %s", dir, info.Mode().Type())
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok && int(s.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to another user (%d)", dir, s.Uid)
	}
	return nil
}

// removeFiles removes the attempt's files, as far as its command asks for them.
func (a *attempt) removeFiles(c *rules.Command) {
	if !a.sharesPayload() {
		_ = os.Remove(a.payload)
		if c.Retry != nil {
			_ = os.Remove(a.retryFile())
		}
		if c.Files != "" {
			_ = os.RemoveAll(a.filesFolder())
		}
		return
	}
	sharing.Lock()
	defer sharing.Unlock()
	folder := filepath.Dir(a.payload)
	if isOwn(filepath.Dir(folder)) != nil {
		return // nothing in there is ours
	}
	_ = os.RemoveAll(folder)
	_ = os.Remove(filepath.Dir(folder)) // if it was the last
}

// payloadName is how the files of an attempt are called.
var payloadName = regexp.MustCompile(`^[0-9]+-[0-9]+(\.retry-after|\.files)?$`)

// removePayloads removes what attempts of an earlier process left: nobody can
// be reading it. Anything else in the private folder is not ours.
func (r *Runner) removePayloads() error {
	entries, err := os.ReadDir(r.Dir)
	if err != nil {
		return fmt.Errorf("look for left-over payloads: %w", err)
	}
	for _, e := range entries {
		isFiles := e.IsDir() && filepath.Ext(e.Name()) == filesExt
		if !e.Type().IsRegular() && !isFiles || !payloadName.MatchString(e.Name()) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(r.Dir, e.Name())); err != nil {
			return fmt.Errorf("remove a left-over payload: %w", err)
		}
	}
	if shared := sharedFolder(r.Dir); isOwn(shared) == nil {
		if err := os.RemoveAll(shared); err != nil {
			return fmt.Errorf("remove a left-over payload: %w", err)
		}
	}
	return nil
}
