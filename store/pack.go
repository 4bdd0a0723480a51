package store

import (
	"sync"

	"github.com/klauspost/compress/s2"
)

// packed is a piece of data as it lies in the database: an s2 block where that
// is smaller. Callers pack on their own time; the writer only writes.
type packed struct {
	s2   bool
	data []byte // never shared with the caller, who may go on before it is written
}

// maxScratch keeps the buffer of a rare large body from staying in memory.
const maxScratch = 1 << 20

var scratch = sync.Pool{New: func() any { return new([]byte) }}

func pack(data []byte) packed {
	buf := scratch.Get().(*[]byte)
	block := s2.Encode((*buf)[:cap(*buf)], data)
	p := packed{s2: true, data: block}
	if len(block) >= len(data) {
		p = packed{data: data}
	}
	p.data = append([]byte{}, p.data...) // not nil, which would be NULL
	if cap(block) <= maxScratch {
		*buf = block
		scratch.Put(buf)
	}
	return p
}

func (p packed) unpack() ([]byte, error) {
	if !p.s2 {
		return p.data, nil
	}
	return s2.Decode(nil, p.data)
}
