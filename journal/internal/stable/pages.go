package stable

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
)

// bbolt maps its file and follows what it finds there: a damaged one sends it outside the mapping, which no recover
// catches. So the bytes are checked before it sees them, as go.etcd.io/bbolt/internal/common lays them out: pages with a
// header (id 8, flags 2, count 2, overflow 4), two metas, a tree of branches and leaves, a list of free pages.
const (
	pageHeader = 16
	pageElem   = 16
	metaLen    = 64
	metaMagic  = 0xED0CDAED

	flagBranch = 1
	flagLeaf   = 2
	flagFree   = 16
	elemBucket = 1
)

// pages checks one file.
type pages struct {
	b    []byte
	size int
	most uint64          // pages
	seen map[uint64]bool // those that something uses
}

// checkPages says what is wrong with the bytes of a bbolt file. A file whose metas are both bad is left for bbolt to refuse.
func checkPages(b []byte) error {
	var meta []byte
	for _, size := range []int{4096, 8192, 16384, 65536} { // of a page: the system's
		for i := range 2 {
			if m := metaAt(b, i*size, size); m != nil && (meta == nil || txOf(m) > txOf(meta)) {
				meta = m
			}
		}
	}
	if meta == nil {
		return nil
	}
	le := binary.LittleEndian
	p := &pages{b: b, size: int(le.Uint32(meta[8:])), most: le.Uint64(meta[40:]), seen: map[uint64]bool{0: true, 1: true}}
	if p.most > uint64(len(b)/p.size) {
		return fmt.Errorf("damaged: it ends at %d of %d pages", len(b)/p.size, p.most)
	}
	if err := p.tree(le.Uint64(meta[16:]), span{}, 0); err != nil {
		return err
	}
	return p.free(le.Uint64(meta[32:]))
}

func txOf(meta []byte) uint64 { return binary.LittleEndian.Uint64(meta[48:]) }

// metaAt is the meta page at an offset, nil if there is none that checks.
func metaAt(b []byte, at, size int) []byte {
	if len(b) < at+pageHeader+metaLen {
		return nil
	}
	m := b[at+pageHeader:][:metaLen]
	sum := fnv.New64a()
	_, _ = sum.Write(m[:56])
	le := binary.LittleEndian
	if le.Uint32(m) != metaMagic || int(le.Uint32(m[8:])) != size || sum.Sum64() != le.Uint64(m[56:]) {
		return nil
	}
	return m
}

// page takes a page, which nothing else may use, with those that it flows over into.
func (p *pages) page(id uint64) (b []byte, flags, count uint16, err error) {
	if id < 2 || id >= p.most {
		return nil, 0, 0, fmt.Errorf("damaged: there is no page %d", id)
	}
	le := binary.LittleEndian
	h := p.b[id*uint64(p.size):]
	n := uint64(le.Uint32(h[12:])) + 1
	if le.Uint64(h) != id || n > p.most-id {
		return nil, 0, 0, fmt.Errorf("damaged at offset %d: header of page %d", id*uint64(p.size), id)
	}
	for i := range n {
		if p.seen[id+i] {
			return nil, 0, 0, fmt.Errorf("damaged: page %d is used twice", id+i)
		}
		p.seen[id+i] = true
	}
	return h[:n*uint64(p.size)], le.Uint16(h[8:]), le.Uint16(h[10:]), nil
}

// maxDepth is deeper than any tree of a few thousand keys.
const maxDepth = 32

// span is from where on, and up to where, the keys of a subtree lie: what the branch above it says. "" is no bound.
type span struct{ from, to string }

func (s span) has(key string) bool { return key >= s.from && (s.to == "" || key < s.to) }

func (p *pages) tree(id uint64, keys span, depth int) error {
	b, flags, count, err := p.page(id)
	if err != nil {
		return err
	}
	return p.elements(b, flags, count, id, keys, depth)
}

// elements checks a branch or a leaf, which may lie in a leaf itself.
func (p *pages) elements(b []byte, flags, count uint16, id uint64, keys span, depth int) error {
	if flags != flagBranch && flags != flagLeaf || flags == flagBranch && count == 0 || depth > maxDepth {
		return fmt.Errorf("damaged: page %d is neither branch nor leaf", id)
	}
	le := binary.LittleEndian
	last, child := "", uint64(0) // of the element before
	for i := range int(count) {
		at := pageHeader + i*pageElem
		if at+pageElem > len(b) {
			return fmt.Errorf("damaged: page %d has room for %d of %d elements", id, i, count)
		}
		e := b[at:]
		flag, pos, key, value := uint32(0), le.Uint32(e), le.Uint32(e[4:]), uint32(0)
		if flags == flagLeaf {
			flag, pos, key, value = le.Uint32(e), le.Uint32(e[4:]), le.Uint32(e[8:]), le.Uint32(e[12:])
		}
		if uint64(at)+uint64(pos)+uint64(key)+uint64(value) > uint64(len(b)) || int(pos) < (int(count)-i)*pageElem {
			return fmt.Errorf("damaged: element %d of page %d lies outside", i, id)
		}
		name := string(e[pos:][:key])
		if i > 0 && name <= last || !keys.has(name) {
			return fmt.Errorf("damaged: keys of page %d are out of order", id)
		}
		var err error
		switch {
		case flags == flagBranch && i > 0:
			err = p.tree(child, span{last, name}, depth+1)
		case flags == flagBranch:
		case flag == elemBucket:
			err = p.bucket(e[pos+key:][:value], id, depth)
		case flag != 0:
			err = fmt.Errorf("damaged: element %d of page %d is of an unknown kind", i, id)
		}
		if err != nil {
			return err
		}
		if last = name; flags == flagBranch {
			child = le.Uint64(e[8:])
		}
	}
	if flags == flagBranch {
		return p.tree(child, span{last, keys.to}, depth+1)
	}
	return nil
}

// bucket checks the bucket that a leaf's value describes: its root, or a page within the value.
func (p *pages) bucket(b []byte, id uint64, depth int) error {
	if len(b) < 16 {
		return fmt.Errorf("damaged: a bucket in page %d has %d bytes", id, len(b))
	}
	le := binary.LittleEndian
	if root := le.Uint64(b); root != 0 {
		return p.tree(root, span{}, depth+1)
	}
	if b = b[16:]; len(b) < pageHeader {
		return fmt.Errorf("damaged: a bucket in page %d has no page", id)
	}
	if le.Uint16(b[8:]) != flagLeaf {
		return fmt.Errorf("damaged: a bucket in page %d is no leaf", id)
	}
	return p.elements(b, flagLeaf, le.Uint16(b[10:]), id, span{}, depth+1)
}

// free checks the list of free pages: none of them is used.
func (p *pages) free(id uint64) error {
	b, flags, count, err := p.page(id)
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	ids, n := b[pageHeader:], uint64(count)
	if count == 0xFFFF { // more: the first one is how many
		n, ids = le.Uint64(ids), ids[8:]
	}
	if flags != flagFree || n > uint64(len(ids)/8) {
		return fmt.Errorf("damaged: page %d is no list of free pages", id)
	}
	for i := range n {
		free := le.Uint64(ids[8*i:])
		if free < 2 || free >= p.most || p.seen[free] {
			return fmt.Errorf("damaged: page %d is used, and in the list of free ones", free)
		}
		p.seen[free] = true
	}
	for i := range p.most {
		if !p.seen[i] {
			return fmt.Errorf("damaged: page %d is neither used nor free", i)
		}
	}
	return nil
}
