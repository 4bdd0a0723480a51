package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hooktender/hooktender/rules"
)

// receive keeps a secret that a provider has brought, and reads the configuration
// again, so that events verify from then on. If that is broken meanwhile, which
// the log tells, the secret counts from the next good reload on.
func (r *reloader) receive(file string, secret rules.Secret) error {
	if err := keepSecret(file, secret); err != nil {
		return err
	}
	_, _ = r.reload() // logs what came of it
	return nil
}

// keepSecret writes a file that only we may read, and returns when it is on disk.
// It never changes one that is there: then the error is fs.ErrExist.
func keepSecret(file string, secret rules.Secret) (err error) {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil { // half a secret would be taken for one
			err = errors.Join(err, os.Remove(file))
		}
	}()
	_, err = f.WriteString(secret.Reveal() + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return syncFolder(filepath.Dir(file))
}

// syncFolder returns when what a folder lists is on disk.
func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync the folder: %w", err)
	}
	return errors.Join(dir.Sync(), dir.Close())
}
