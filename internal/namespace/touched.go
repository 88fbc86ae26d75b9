package namespace

import "slices"

// touchedSlots is how many counters remember changes: a look that lasts a thousand changes meets one of another path in
// about 1 of 60 components, and is made again.
const touchedSlots = 64 << 10

// touched remembers at which index a name below a mount was last changed here. A look at a store that began before
// tells what was, and must not bring it back. Names share counters by hash, so that memory is bounded; two that meet
// cost a second look, never a wrong answer.
type touched struct{ last []uint64 }

const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

func slotOf(hash uint64) uint64 { return (hash ^ hash>>32) % touchedSlots }

// mark notes a change of path, and of all that lies below it.
func (s *touched) mark(path string, index uint64) {
	if s.last == nil {
		return
	}
	h := uint64(fnvOffset)
	for i := range len(path) {
		h = (h ^ uint64(path[i])) * fnvPrime
	}
	s.last[slotOf(h)] = index
}

// since reports whether path, or a directory above it, changed after an index.
func (s *touched) since(path string, index uint64) bool {
	if s.last == nil {
		return false
	}
	h := uint64(fnvOffset)
	for i := range len(path) {
		if path[i] == '/' && i > 0 && s.last[slotOf(h)] > index {
			return true
		}
		h = (h ^ uint64(path[i])) * fnvPrime
	}
	return s.last[slotOf(h)] > index
}

// listing is the name under which changes are noted that only a new listing of dir can tell: names that went out of the
// namespace and stay in the store.
func listingOf(dir string) string { return dir + "/" }

// touches are the paths that a command is about to change.
func (t *Tree) touches(c command) []string {
	switch x := c.(type) {
	case *CreateFile:
		return []string{x.Path}
	case *CompleteFile:
		return t.touchesInode(x.Ino)
	case *AbandonFile:
		return t.touchesInode(x.Ino)
	case *Mkdir:
		return []string{x.Path}
	case *Rename:
		return []string{x.From, x.To}
	case *Remove:
		if dir, _ := split(x.Path); x.CacheOnly {
			return []string{x.Path, listingOf(dir)}
		}
		return []string{x.Path}
	case *SetAttr:
		return []string{x.Path}
	case *SetAttrBelow:
		return []string{x.Path}
	case *Unmount:
		return []string{x.Path}
	case *Forget:
		return []string{x.Path}
	case *Begin:
		return []string{x.Path, x.To}
	case *BeginBy:
		return []string{x.Path, x.To}
	case *Step:
		return x.Paths
	case *End:
		return t.touchesIntent(x.IntentID)
	case *EndBy:
		return t.touchesIntent(x.IntentID)
	}
	return nil
}

func (t *Tree) touchesIntent(id uint64) []string {
	in := t.intents[id]
	if in == nil {
		return nil
	}
	paths := []string{in.Path, in.To}
	if in.Kind == IntentPublish { // a listing that began before lacks the directories, which count as stored now
		dir, _ := split(in.Path)
		d, err := t.walk(dir, nil)
		for ; err == nil && d != nil && !d.isRoot(); d = t.node(d.Parent) {
			if d.Persist != Persisted {
				paths = append(paths, t.pathOf(d))
			}
		}
	}
	return paths
}

func (t *Tree) touchesInode(ino uint64) []string {
	if path, ok := t.table.AppendPath(nil, ino); ok {
		return []string{string(path)}
	}
	return nil
}

// Index is that of the last command applied.
func (t *Tree) Index() uint64 {
	defer t.locks.read(0)()
	return t.index
}

// Pending is the first intent that makes what a store says of path untrue: one that is about to bring it (coming), or one
// that moves or removes a directory above it; 0 for none.
func (t *Tree) Pending(path string) (id uint64, coming bool) {
	defer t.locks.read(0)()
	id = t.lowest(func(in *Intent) bool {
		return in.comes(path) || (in.Kind == IntentRename || in.Kind == IntentRemove) && inside(in.Path, path)
	})
	return id, id != 0 && t.intents[id].comes(path)
}

// comes reports whether path will be there when the intent is done, and is not before.
func (in *Intent) comes(path string) bool {
	return in.Kind == IntentRename && inside(in.To, path) || in.Kind == IntentMkdir && inside(in.Path, path)
}

// Touched reports whether a command after index since changed path or a directory above it, or may have.
func (t *Tree) Touched(path string, since uint64) bool {
	defer t.locks.read(0)()
	return t.touched.since(path, since)
}

func (s *touched) code(c *codec) {
	var used []uint64
	for i, at := range s.last {
		if at != 0 {
			used = append(used, uint64(i))
		}
	}
	on, n := s.last != nil, uint64(len(used))
	c.bool(&on)
	c.uint(&n)
	if c.dec {
		if n > touchedSlots {
			c.fail()
			return
		}
		s.last, used = nil, slices.Grow(used, int(n))[:n]
		if on {
			s.last = make([]uint64, touchedSlots)
		}
	}
	for i := range used {
		c.uint(&used[i])
		if !on || used[i] >= touchedSlots {
			c.fail()
			return
		}
		c.uint(&s.last[used[i]])
	}
}
