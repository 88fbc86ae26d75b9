package objects

import (
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"sync"

	"github.com/millpond/millpond/internal/piece"
	"github.com/millpond/millpond/ufs/driver"
)

// chunks is where the bytes of parts are kept until they are sent: in memory up to a bound, beyond it in one temporary file, so
// that a writer never waits for another one, who may be the same program's next one.
type chunks struct {
	room *Room
	mu   struct {
		sync.Mutex
		file *os.File // while any chunk is in it
		free []int64  // places in it
		used int      // chunks in it
		end  int64
	}
}

// chunkSize is the largest chunk of memory, and the place of each one in the file.
const chunkSize = 1 << 20

// chunkMemory is that of chunks of chunkSize.
var chunkMemory = sync.Pool{New: func() any { return new([chunkSize]byte) }}

// chunk is bytes in memory, or in the file.
type chunk struct {
	of *chunks
	b  []byte // memory
	n  int    // bytes in the file

	file *os.File
	at   int64
	sums [chunkSize / piece.Size]uint32 // CRC-32C of each piece: a disk is not memory
}

// get is a chunk for at most size bytes.
func (c *chunks) get(size int64) (*chunk, error) {
	size = min(size, chunkSize)
	if !c.room.Take(size) {
		return c.onDisk()
	}
	if size == chunkSize {
		return &chunk{of: c, b: chunkMemory.Get().(*[chunkSize]byte)[:0]}, nil
	}
	return &chunk{of: c, b: make([]byte, 0, size)}, nil
}

func (c *chunks) onDisk() (*chunk, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.file == nil {
		f, err := os.CreateTemp("", "millpond-parts-")
		if err != nil {
			return nil, &driver.LocalError{Err: fmt.Errorf("parts of uploads take %d bytes of memory (more InFlight gives more), and there is no temporary file for others: %w", c.room.size, err)}
		}
		_ = os.Remove(f.Name()) // nobody else's, and nothing is left of it; where an open file stays, put removes it
		c.mu.file, c.mu.end = f, 0
	}
	k := &chunk{of: c, file: c.mu.file}
	if last := len(c.mu.free) - 1; last >= 0 {
		k.at, c.mu.free = c.mu.free[last], c.mu.free[:last]
	} else {
		k.at, c.mu.end = c.mu.end, c.mu.end+chunkSize
	}
	c.mu.used++
	return k, nil
}

// put gives the chunk back.
func (k *chunk) put() {
	c := k.of
	if k.file == nil {
		c.room.Give(int64(cap(k.b)))
		if cap(k.b) == chunkSize {
			chunkMemory.Put((*[chunkSize]byte)(k.b[:chunkSize]))
		}
		k.b = nil
		return
	}
	if c.freed(k.at) {
		k.file.Close() // which gives back what is on the disk: for a long file that takes a while
		_ = os.Remove(k.file.Name())
	}
}

// freed takes back a place in the file, and reports whether it was the last: then the file is nobody's.
func (c *chunks) freed(at int64) (last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.free = append(c.mu.free, at)
	if c.mu.used--; c.mu.used > 0 {
		return false
	}
	c.mu.file, c.mu.free = nil, nil
	return true
}

func (k *chunk) len() int { return cmp.Or(k.n, len(k.b)) }

// rest is how many bytes more it takes.
func (k *chunk) rest() int {
	if k.file != nil {
		return chunkSize - k.n
	}
	return cap(k.b) - len(k.b)
}

// write appends p, which fits.
func (k *chunk) write(p []byte) error {
	if k.file == nil {
		k.b = append(k.b, p...)
		return nil
	}
	if _, err := k.file.WriteAt(p, k.at+int64(k.n)); err != nil {
		return &driver.LocalError{Err: fmt.Errorf("parts of uploads beyond %d bytes of memory (more InFlight gives more): %w", k.of.room.size, err)}
	}
	for len(p) > 0 {
		in := p[:min(len(p), piece.Size-k.n%piece.Size)]
		sum := &k.sums[k.n/piece.Size]
		*sum = crc32.Update(*sum, castagnoli, in)
		k.n += len(in)
		p = p[len(in):]
	}
	return nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errSpoilt = &driver.LocalError{Err: errors.New("a part's temporary file does not have the bytes that were written")}

// read reads the i-th piece of a chunk in the file into buf.
func (k *chunk) read(i int, buf []byte) ([]byte, error) {
	buf = buf[:min(piece.Size, k.n-i*piece.Size)]
	if _, err := k.file.ReadAt(buf, k.at+int64(i)*piece.Size); err != nil {
		return nil, &driver.LocalError{Err: fmt.Errorf("a part's temporary file: %w", err)}
	}
	if crc32.Checksum(buf, castagnoli) != k.sums[i] {
		return nil, errSpoilt
	}
	return buf, nil
}
