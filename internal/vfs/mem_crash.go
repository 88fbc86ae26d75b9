package vfs

import (
	"maps"
	"slices"
)

// crasher copies what survives.
type crasher struct {
	keep func() bool
	seen map[*memNode]*memNode
	fate map[*memChange]bool
}

func (c *crasher) node(n *memNode) *memNode {
	if d := c.seen[n]; d != nil {
		return d
	}
	d := &memNode{dir: n.dir, mode: n.mode, mtime: n.mtime}
	c.seen[n] = d
	if n.dir {
		c.names(n, d)
		return d
	}
	d.data = n.synced.share()
	for _, w := range n.pending {
		c.write(&d.data, w)
	}
	d.synced = d.data.share()
	return d
}

// names decides for each change of names, once for both ends of a rename, and goes down.
func (c *crasher) names(n, d *memNode) {
	kept := maps.Clone(n.kept)
	for _, ch := range n.changes {
		if ch.done {
			continue
		}
		if !c.lives(ch) {
			continue
		}
		for _, s := range ch.steps {
			switch {
			case s.dir != n:
			case s.node == nil:
				delete(kept, s.name)
			default:
				kept[s.name] = s.node
			}
		}
	}
	d.names, d.kept = map[string]*memNode{}, map[string]*memNode{}
	for _, name := range slices.Sorted(maps.Keys(kept)) { // in order: the choices follow the seed
		k := c.node(kept[name])
		d.names[name], d.kept[name] = k, k
	}
}

// lives decides a change once. One whose names an earlier change made lives only if that one does.
func (c *crasher) lives(ch *memChange) bool {
	if ch.done {
		return true
	}
	lives, decided := c.fate[ch]
	if !decided {
		lives = c.keep()
		for _, e := range ch.before {
			lives = c.lives(e) && lives
		}
		c.fate[ch] = lives
	}
	return lives
}

// write lets a write happen, not happen, or tears it: each sector is written or not.
func (c *crasher) write(data *content, w memWrite) {
	switch {
	case w.truncate:
		if c.keep() {
			data.truncate(w.off)
		}
		return
	case w.punch > 0:
		if c.keep() {
			data.zero(w.off, w.punch)
		}
		return
	}
	for off, p := w.off, w.data; len(p) > 0; {
		n := min(len(p), sectorSize-int(off%sectorSize))
		if c.keep() {
			data.write(p[:n], off)
		}
		off, p = off+int64(n), p[n:]
	}
}
