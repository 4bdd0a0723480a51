package server

import (
	"net"
	"os"
	"sync"
	"syscall"
)

// umask belongs to the whole process, so only one may change it at a time.
var umask sync.Mutex

// listenMasked makes a socket that has its mode from the first moment on.
func listenMasked(path string, mode os.FileMode) (net.Listener, error) {
	umask.Lock()
	defer umask.Unlock()
	old := syscall.Umask(0o777 &^ int(mode.Perm()))
	defer syscall.Umask(old)
	return net.Listen("unix", path)
}
