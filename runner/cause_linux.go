package runner

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// holder looks for a process of an attempt at the other end of a connection.
func (r *Runner) holder(c Conn) int64 {
	if c.PID > 0 {
		return r.runOf(c.PID)
	}
	inode := socketInode(c)
	if inode == "" {
		return 0
	}
	for _, pid := range descendants() {
		if run := r.runOf(pid); run > 0 && holdsSocket(pid, inode) {
			return run
		}
	}
	return 0
}

// descendants lists the processes below this one, without a look at all others
// where the kernel can tell.
func descendants() (pids []int) {
	for next := []int{os.Getpid()}; len(next) > 0; {
		children, ok := childrenOf(next[0])
		if !ok && next[0] == os.Getpid() {
			for _, p := range processes() {
				pids = append(pids, p.pid)
			}
			return pids
		}
		next = append(next[1:], children...)
		pids = append(pids, children...)
	}
	return pids
}

// childrenOf reads /proc/PID/task/*/children (proc_tid_children(5)), which needs
// a kernel with CONFIG_PROC_CHILDREN.
func childrenOf(pid int) (children []int, ok bool) {
	names, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return nil, false
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			continue // the thread has ended
		}
		for field := range strings.FieldsSeq(string(data)) {
			if child, err := strconv.Atoi(field); err == nil {
				children = append(children, child)
			}
		}
	}
	return children, len(names) > 0
}

// runOf returns the run whose mark a process carries in its environment.
func (r *Runner) runOf(pid int) int64 {
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut("\x00"+string(environ), "\x00"+payloadVar+"=")
	path, _, _ := strings.Cut(rest, "\x00")
	name, private := strings.CutPrefix(path, r.Dir+"/")
	if !private {
		var shared bool
		if name, shared = strings.CutPrefix(path, sharedFolder(r.Dir)+"/"); !shared {
			return 0
		}
	}
	id, _, _ := strings.Cut(name, "-")
	run, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return 0
	}
	return run
}

// socketInode finds the other end of a TCP connection among the system's
// sockets.
func socketInode(c Conn) string {
	for _, name := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(name)
		if err != nil {
			continue
		}
		inode := findSocket(f, c)
		f.Close()
		if inode != "" {
			return inode
		}
	}
	return ""
}

// findSocket reads /proc/net/tcp (proc_net(5)): after a line with titles, one
// line a socket, with its addresses as the second and third field and its inode
// as the tenth.
func findSocket(table io.Reader, c Conn) string {
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 {
			continue
		}
		// What is local to the other end is remote to us.
		if sameAddr(fields[1], c.Remote) && sameAddr(fields[2], c.Local) {
			return fields[9]
		}
	}
	return ""
}

// sameAddr compares an address as the kernel writes it, 0100007F:1F90, with one.
func sameAddr(text string, want netip.AddrPort) bool {
	host, port, _ := strings.Cut(text, ":")
	number, err := strconv.ParseUint(port, 16, 16)
	if err != nil || uint16(number) != want.Port() || len(host)%8 != 0 {
		return false
	}
	var bytes []byte
	for ; host != ""; host = host[8:] {
		word, err := strconv.ParseUint(host[:8], 16, 32)
		if err != nil {
			return false
		}
		// Each 32 bits are written as a number of this machine's byte order.
		bytes = binary.NativeEndian.AppendUint32(bytes, uint32(word))
	}
	addr, ok := netip.AddrFromSlice(bytes)
	return ok && addr.Unmap() == want.Addr().Unmap().WithZone("")
}

func holdsSocket(pid int, inode string) bool {
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		return false
	}
	for _, fd := range fds {
		if target, err := os.Readlink(fd); err == nil && target == "socket:["+inode+"]" {
			return true
		}
	}
	return false
}
