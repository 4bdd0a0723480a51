package runner

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// maxSpares is how many files are kept to be used again.
const maxSpares = 32

// spares are the payload files of attempts that are over, with nothing in them, for
// those that come. A new file for each of thousands of attempts costs as much as what starts the
// script: a file system such as ext4 gives the place of one that was removed to no other
// for minutes, and looks at all of those whenever it makes one.
type spares struct {
	dir string

	mu    sync.Mutex
	list  []spare
	named int // so many have had a name
}

type spare struct {
	file *os.File // open to write
	path string
	size int64
}

// take makes the file at path with a body, and opens it to write.
func (s *spares) take(path string, body []byte) (*os.File, error) {
	old, err := s.find(path)
	if err != nil {
		return nil, err
	}
	if _, err = old.file.WriteAt(body, 0); err == nil && old.size > int64(len(body)) {
		err = old.file.Truncate(int64(len(body)))
	}
	if err != nil {
		old.remove()
		return nil, err
	}
	return old.file, nil
}

// find gives a spare one its name, or makes another.
func (s *spares) find(path string) (spare, error) {
	for old, ok := s.pop(); ok; old, ok = s.pop() {
		if syscall.Rename(old.path, path) == nil {
			old.path = path
			return old, nil
		}
		old.remove()
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	return spare{file: f, path: path}, err
}

// give takes the file of an attempt back. It is used again only if it is what it
// was and nobody has it open any more: what a script has handed on does not change
// under the eyes of who reads it.
func (s *spares) give(f *os.File, path string) {
	old := spare{file: f, path: path}
	name, room := s.name()
	if !room || !old.isUntouched() || !isAlone(f) || old.clear() != nil || syscall.Rename(path, name) != nil {
		old.remove()
		return
	}
	old.path = name
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, old)
}

// clear leaves nothing of the body. Bytes of nothing are written over a small one
// in less time than the file is made shorter.
func (s *spare) clear() (err error) {
	if s.size <= int64(len(nothing)) {
		_, err = s.file.WriteAt(nothing[:s.size], 0)
		return err
	}
	s.size = 0
	return s.file.Truncate(0)
}

var nothing [64 << 10]byte

// name is for one more, if there is room for it.
func (s *spares) name() (path string, room bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.named++
	return filepath.Join(s.dir, fmt.Sprintf("spare-%d", s.named)), len(s.list) < maxSpares
}

func (s *spares) pop() (spare, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.list) == 0 {
		return spare{}, false
	}
	last := s.list[len(s.list)-1]
	s.list = s.list[:len(s.list)-1]
	return last, true
}

// removeAll removes what nobody will use any more.
func (s *spares) removeAll() {
	for old, ok := s.pop(); ok; old, ok = s.pop() {
		old.remove()
	}
}

func (s *spare) remove() {
	if s.file != nil {
		s.file.Close()
	}
	_ = os.Remove(s.path)
}

// isUntouched tells whether what is at the path is the file itself, under no other
// name and with the mode that we gave it, and looks how large it is.
func (s *spare) isUntouched() bool {
	if s.file == nil {
		return false
	}
	ours, err := s.file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(s.path)
	if err != nil || !os.SameFile(ours, there) {
		return false
	}
	s.size = ours.Size()
	stat, ok := ours.Sys().(*syscall.Stat_t)
	return ok && stat.Nlink == 1 && ours.Mode() == 0o600
}
