package runner

import (
	"os"

	"golang.org/x/sys/unix"
)

// isAlone tells whether nobody else has the file open, or mapped: only then the
// kernel grants a lease for writing (F_SETLEASE in fcntl(2)). A file system that
// knows no leases grants none.
func isAlone(f *os.File) bool {
	raw, err := f.SyscallConn()
	if err != nil {
		return false
	}
	alone := false
	err = raw.Control(func(fd uintptr) {
		if _, err := unix.FcntlInt(fd, unix.F_SETLEASE, unix.F_WRLCK); err != nil {
			return
		}
		_, err := unix.FcntlInt(fd, unix.F_SETLEASE, unix.F_UNLCK)
		alone = err == nil
	})
	return err == nil && alone
}
