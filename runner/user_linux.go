package runner

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// withoutInheritance calls spawn on a thread that hands no capabilities on. To
// become an ordinary user takes a process's own capabilities away, except those
// that it inherits into programs that may have them, and, where the server was
// told to keep its capabilities, the ambient ones (capabilities(7)); the kernel
// drops the latter with the former. The thread is not used again.
func withoutInheritance(spawn func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with us
		err := dropInheritable()
		if err == nil {
			err = spawn()
		}
		result <- err
	}()
	return <-result
}

func dropInheritable() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData // of 32 capabilities each
	err := unix.Capget(&header, &sets[0])
	if err == nil {
		sets[0].Inheritable, sets[1].Inheritable = 0, 0
		err = unix.Capset(&header, &sets[0])
	}
	if err != nil {
		return fmt.Errorf("give up the capabilities that a process inherits: %w", err)
	}
	return nil
}
