package namespace

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/millpond/millpond/internal/inodes"
)

// magic begins a checkpoint, the version of the format follows. Version 2, whose intents had no leases, is read too; version 4
// has nodes that leave.
const (
	magic   = "MPNS"
	version = 4
)

// Checkpoint is the state at one index. It is written while changes go on.
type Checkpoint struct {
	t       *Tree
	frozen  *inodes.Frozen
	begin   []byte // encoded: what comes before touched
	touched touched
	rest    []byte // encoded: what comes after it, but the inodes
}

// Snapshot marks this moment. The pause is as long as it takes to encode mounts and intents, and to copy half a megabyte, whatever the
// number of files.
func (t *Tree) Snapshot() *Checkpoint {
	t.locks.lock()
	defer t.locks.unlock()
	v := byte(version)
	if len(t.leavers) == 0 {
		v = 3
	}
	begin, rest := &codec{b: append([]byte(magic), v)}, &codec{}
	t.codeCounters(begin)
	t.codeRest(rest, v)
	return &Checkpoint{t: t, frozen: t.table.Freeze(), begin: begin.b, touched: touched{slices.Clone(t.touched.last)}, rest: rest.b}
}

func (c *Checkpoint) head() []byte {
	e := &codec{b: c.begin}
	c.touched.code(e)
	return append(e.b, c.rest...)
}

// WriteTo writes the checkpoint. Once; one goroutine.
func (c *Checkpoint) WriteTo(w io.Writer) (int64, error) {
	out := &counted{w: bufio.NewWriterSize(w, 1<<20)}
	out.piece(c.head())
	out.piece(c.frozen.Header())
	var buf []byte
	for out.err == nil {
		unlock := c.t.locks.read(0)
		b, more := c.frozen.Next(buf)
		unlock()
		if !more {
			break
		}
		out.piece(b)
		buf = b
	}
	if out.err == nil {
		out.err = out.w.Flush()
	}
	return out.n, out.err
}

// Release ends the checkpoint. Again it does nothing.
func (c *Checkpoint) Release() {
	c.t.locks.lock()
	defer c.t.locks.unlock()
	c.frozen.Thaw()
}

// counted writes pieces with their lengths in front.
type counted struct {
	w   *bufio.Writer
	n   int64
	err error
}

func (c *counted) piece(b []byte) {
	c.write(binary.AppendUvarint(nil, uint64(len(b))))
	c.write(b)
}

func (c *counted) write(b []byte) {
	if c.err == nil {
		var n int
		n, c.err = c.w.Write(b)
		c.n += int64(n)
	}
}

// pieces reads what counted wrote.
type pieces struct {
	r   *bufio.Reader
	buf bytes.Buffer
}

func (p *pieces) next() ([]byte, error) {
	n, err := binary.ReadUvarint(p.r)
	if err != nil {
		return nil, err
	}
	p.buf.Reset()
	if _, err := io.CopyN(&p.buf, p.r, int64(min(n, 1<<40))); err != nil {
		return nil, err
	}
	return p.buf.Bytes(), nil
}

// Restore replaces the tree by what a checkpoint holds. After an error it is as it was.
func (t *Tree) Restore(r io.Reader) error {
	s, err := restore(&pieces{r: bufio.NewReaderSize(r, 1<<20)})
	if err != nil {
		return fmt.Errorf("namespace checkpoint: %w", err)
	}
	t.locks.lock()
	defer t.locks.unlock()
	t.table, t.mounts, t.intents, t.nextID, t.index, t.touched, t.sweeps = s.table, s.mounts, s.intents, s.nextID, s.index, s.touched, s.sweeps
	t.leavers = s.leavers
	t.remount++
	t.leaves++
	t.dirs.forget()
	t.dirs.fit(t.table.Len())
	return nil
}

func restore(p *pieces) (*Tree, error) {
	head, err := p.next()
	if err != nil {
		return nil, err
	}
	v, body, err := formatOf(head)
	if err != nil {
		return nil, err
	}
	s := &Tree{mounts: map[uint64]*Mount{}, intents: map[uint64]*Intent{}}
	c := &codec{b: body, dec: true}
	if s.code(c, v); c.err != nil {
		return nil, c.err
	}
	if head, err = p.next(); err != nil {
		return nil, err
	}
	x, err := inodes.Restore(head)
	if err != nil {
		return nil, err
	}
	for {
		b, err := p.next()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = x.Chunk(b)
		}
		if err != nil {
			return nil, err
		}
	}
	if s.table, err = x.Done(); err != nil {
		return nil, err
	}
	return s, s.sound()
}

// formatOf is the version of a checkpoint's format, and what follows it.
func formatOf(head []byte) (v byte, body []byte, err error) {
	body, ok := bytes.CutPrefix(head, []byte(magic))
	if !ok || len(body) == 0 || body[0] < 2 || body[0] > version {
		return 0, nil, fmt.Errorf("unknown format %q; this build knows %q, versions 2 to %d", head[:min(len(head), len(magic)+1)], magic, version)
	}
	return body[0], body[1:], nil
}

// sound checks that inodes, mounts and intents agree, and notes what each intent holds.
func (t *Tree) sound() (err error) {
	t.table.Intents(func(ino, id uint64) {
		if in := t.intents[id]; in != nil {
			in.marks = append(in.marks, ino)
		} else {
			err = fmt.Errorf("inode %d is held by intent %d, which is not there", ino, id)
		}
	})
	points := 0
	t.table.Below(inodes.Root, func(in *Inode) bool {
		if in.MountPoint {
			points++
			if t.mounts[in.Ino] == nil {
				err = fmt.Errorf("inode %d is a mount point of no mount", in.Ino)
			}
		}
		return true
	})
	if points != len(t.mounts) {
		return errors.Join(err, fmt.Errorf("%d mount points for %d mounts", points, len(t.mounts)))
	}
	return err
}

// code is all but the inodes.
func (t *Tree) code(c *codec, v byte) {
	t.codeCounters(c)
	t.touched.code(c)
	t.codeRest(c, v)
}

func (t *Tree) codeCounters(c *codec) {
	c.uint(&t.nextID)
	c.uint(&t.index)
}

func (t *Tree) codeRest(c *codec, v byte) {
	t.codeMounts(c)
	t.codeIntents(c, v)
	t.codeLeavers(c, v)
	t.codeSweeps(c)
}

// codeSweeps is nothing where there are none.
func (t *Tree) codeSweeps(c *codec) {
	for i := range t.sweeps {
		t.sweeps[i].code(c)
	}
	for c.dec && len(c.b) > 0 && c.err == nil {
		var s sweep
		s.code(c)
		t.sweeps = append(t.sweeps, s)
	}
}

func (t *Tree) codeMounts(c *codec) {
	inos := slices.Sorted(maps.Keys(t.mounts))
	n := uint64(len(inos))
	c.uint(&n)
	for i := range n {
		m := &Mount{}
		if !c.dec {
			m = t.mounts[inos[i]]
		}
		c.uint(&m.Ino)
		m.code(c)
		if c.err != nil {
			return
		}
		t.mounts[m.Ino] = m
	}
}

func (t *Tree) codeIntents(c *codec, v byte) {
	ids := slices.Sorted(maps.Keys(t.intents))
	n := uint64(len(ids))
	c.uint(&n)
	for i := range n {
		in := &Intent{}
		if !c.dec {
			in = t.intents[ids[i]]
		}
		b := Begin{Kind: in.Kind, Path: in.Path, To: in.To, Ino: in.Ino, Recursive: in.Recursive, Overwrite: in.Overwrite, Unchecked: in.Unchecked, Mode: in.Mode, Owner: in.Owner, Group: in.Group, Key: in.Key, Prior: in.Prior, Payload: in.Payload}
		c.uint(&in.ID)
		b.code(c)
		if v > 2 {
			c.id(&in.Lease)
		}
		if c.err != nil {
			return
		}
		if c.dec {
			t.intents[in.ID] = &Intent{ID: in.ID, Kind: b.Kind, Path: b.Path, To: b.To, Ino: b.Ino, Key: b.Key, Prior: b.Prior, Recursive: b.Recursive, Overwrite: b.Overwrite, Unchecked: b.Unchecked, Mode: b.Mode, Owner: b.Owner, Group: b.Group, Payload: b.Payload, Lease: in.Lease}
		}
	}
}
