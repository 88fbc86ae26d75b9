package namespace

// FreeFiles has every node drop its cached blocks of some files, those that a store has, and that are not pinned, when it
// is applied. Up to 1024 files.
type FreeFiles struct{ Files []Freeing }

// Freeing names a version of a file.
type Freeing struct {
	Ino    uint64
	FileID [16]byte
}

func (x *FreeFiles) Append(b []byte) []byte { return appendCmd(b, x) }
func (x *FreeFiles) op() byte               { return 27 }
func (x *FreeFiles) code(c *codec) {
	n := uint64(len(x.Files))
	c.uint(&n)
	if c.dec {
		if n > stepInodes || n > uint64(len(c.b)) {
			c.fail()
			return
		}
		x.Files = make([]Freeing, n)
	}
	for i := range x.Files {
		c.uint(&x.Files[i].Ino)
		c.id(&x.Files[i].FileID)
	}
}

func (x *FreeFiles) apply(t *Tree, a *applied) {
	for _, f := range x.Files {
		n := t.byNumber(f.Ino)
		if n != nil && n.FileID == f.FileID && n.Complete && n.Persist == Persisted && !n.Pinned {
			a.effect(Freed, n)
		}
		t.settle()
	}
}
