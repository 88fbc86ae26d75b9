package objects

import "os"

// Held is what the parts of uploads have taken: bytes of memory, and chunks in the temporary file.
func (p *Parts) Held() (memory int64, inFile int) {
	p.chunks.mu.Lock()
	defer p.chunks.mu.Unlock()
	return p.chunks.room.taken.Load(), p.chunks.mu.used
}

// File is the temporary file, nil if there is none.
func (p *Parts) File() *os.File {
	p.chunks.mu.Lock()
	defer p.chunks.mu.Unlock()
	return p.chunks.mu.file
}
