package server

import "golang.org/x/sys/unix"

// askPeer asks the kernel, which remembers who connected (unix(7), SO_PEERCRED).
func askPeer(fd int) (peer, error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return peer{}, err
	}
	return peer{uid: int(cred.Uid), pid: int(cred.Pid)}, nil
}
