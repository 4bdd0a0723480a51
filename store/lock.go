package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// lockFolder takes the folder for this process, until unlockFolder or the
// process's end, however it ends. The file says who holds it; it is never
// removed, because removing it would let two processes lock two files of the
// same name.
func lockFolder(dir string, now time.Time) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "hooktender.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the state folder: %w", err)
	}
	if err := flock(f); err != nil {
		defer f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("the state folder %s is in use by another hooktender: %s", dir, holder(f))
		}
		return nil, fmt.Errorf("locking the state folder %s: %w", dir, err)
	}
	if err := sign(f, now); err != nil {
		return nil, errors.Join(fmt.Errorf("signing the lock of %s: %w", dir, err), f.Close())
	}
	return f, nil
}

// lockPatience is how long the lock of a process that was killed may outlive it: a
// child that it was just starting holds the file until it has become its script.
const lockPatience = 2 * time.Second

// flock takes the lock of a file. The error is EWOULDBLOCK if another keeps it.
func flock(f *os.File) error {
	const again = 10 * time.Millisecond
	for deadline := time.Now().Add(lockPatience); ; time.Sleep(again) {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) || time.Now().After(deadline) {
			return err
		}
	}
}

func sign(f *os.File, now time.Time) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	text := fmt.Sprintf("pid %d, started %s\n", os.Getpid(), now.UTC().Format(time.RFC3339))
	_, err := f.WriteAt([]byte(text), 0)
	return err
}

func holder(f *os.File) string {
	text, err := io.ReadAll(io.LimitReader(f, 100))
	if who := strings.TrimSpace(string(text)); err == nil && who != "" {
		return who
	}
	return "it has not said which"
}

// unlockFolder empties the file, so that nobody looks for a process that has
// ended, and lets go of the lock with it.
func unlockFolder(f *os.File) error {
	return errors.Join(f.Truncate(0), f.Close())
}
