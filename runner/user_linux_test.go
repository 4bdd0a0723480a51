package runner

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// What a server hands on to its children by itself, another user does not get.
func TestInheritanceIsDropped(t *testing.T) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // not unlocked: nobody else is to have this thread
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var sets [2]unix.CapUserData
		if err := unix.Capget(&header, &sets[0]); err != nil {
			t.Error(err)
			return
		}
		sets[0].Inheritable, sets[1].Inheritable = sets[0].Permitted, sets[1].Permitted
		if err := unix.Capset(&header, &sets[0]); err != nil {
			t.Error(err)
			return
		}
		ambient := func() int {
			is, err := unix.PrctlRetInt(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_IS_SET, unix.CAP_CHOWN, 0, 0)
			if err != nil {
				t.Error(err)
			}
			return is
		}
		if sets[0].Permitted&(1<<unix.CAP_CHOWN) != 0 { // we are root, mostly
			if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, unix.CAP_CHOWN, 0, 0); err != nil || ambient() != 1 {
				t.Error("nothing is there to be dropped", err)
			}
		}
		if err := dropInheritable(); err != nil {
			t.Error(err)
		}
		if err := unix.Capget(&header, &sets[0]); err != nil || sets[0].Inheritable|sets[1].Inheritable != 0 || ambient() != 0 {
			t.Errorf("left: %x %x, ambient %d (%v)", sets[0].Inheritable, sets[1].Inheritable, ambient(), err)
		}
	}()
	<-done
}
