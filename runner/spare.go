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

// spares are the payload files of attempts that are over, empty, for those that
// come. A new file for each of thousands of attempts costs as much as what starts the
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
}

// take makes the file at path, empty, and opens it to write.
func (s *spares) take(path string) (*os.File, error) {
	for {
		old, ok := s.pop()
		if !ok {
			return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
		}
		if os.Rename(old.path, path) == nil {
			return old.file, nil
		}
		old.remove()
	}
}

// give takes the file of an attempt back. It is used again only if it is what it
// was and nobody has it open any more: what a script has handed on does not change
// under the eyes of who reads it.
func (s *spares) give(f *os.File, path string) {
	old := spare{f, path}
	name, room := s.name()
	if !room || !isUntouched(f, path) || !isAlone(f) || f.Truncate(0) != nil || os.Rename(path, name) != nil {
		old.remove()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, spare{f, name})
}

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

func (s spare) remove() {
	if s.file != nil {
		s.file.Close()
	}
	_ = os.Remove(s.path)
}

// isUntouched tells whether what is at path is the file itself, under no other name
// and with the mode that we gave it.
func isUntouched(f *os.File, path string) bool {
	if f == nil {
		return false
	}
	ours, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(path)
	if err != nil || !os.SameFile(ours, there) {
		return false
	}
	stat, ok := ours.Sys().(*syscall.Stat_t)
	return ok && stat.Nlink == 1 && ours.Mode() == 0o600
}
