package cachefs

import (
	"encoding/binary"
	"errors"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/tier"
	"github.com/millpond/millpond/ufs"
)

// hint is what a peer needs to bring a block of a file that its replica may not know yet. The name of the version is a
// hash of most of it, so a peer that is told something else than the version's place finds out.
type hint struct {
	alone     bool // ask no other node for the block: the asker has, or will
	keeps     bool // the asker will have a copy
	owned     bool // bring it only if the one who is asked owns it, or has of late
	ino       uint64
	size      int64
	blockSize int64
	mount     string
	key       string
	version   string
}

const hintFormat = 1

// Flags of a hint.
const (
	hintAlone = 1 << iota
	hintKeeps
	hintOwned
)

// keepsHint is the hint of who keeps a copy and has nothing else to say.
var keepsHint = []byte{hintFormat, hintKeeps}

// keeps reports whether who asks will have a copy.
func keeps(hint []byte) bool { return len(hint) > 1 && hint[0] == hintFormat && hint[1]&hintKeeps != 0 }

var errHint = errors.New("damaged hint")

// append is the wire form: format, flags, three numbers as varints, three strings with their lengths.
func (h *hint) append(b []byte) []byte {
	flags := byte(0)
	if h.alone {
		flags |= hintAlone
	}
	if h.keeps {
		flags |= hintKeeps
	}
	if h.owned {
		flags |= hintOwned
	}
	b = append(b, hintFormat, flags)
	for _, v := range []uint64{h.ino, uint64(h.size), uint64(h.blockSize)} {
		b = binary.AppendUvarint(b, v)
	}
	for _, s := range []string{h.mount, h.key, h.version} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return b
}

func decodeHint(b []byte) (h hint, err error) {
	if len(b) < 2 || b[0] != hintFormat || b[1] > hintAlone|hintKeeps|hintOwned {
		return h, errHint
	}
	h.alone, h.keeps, h.owned = b[1]&hintAlone != 0, b[1]&hintKeeps != 0, b[1]&hintOwned != 0
	b = b[2:]
	var nums [3]uint64
	for i := range nums {
		n := 0
		if nums[i], n = binary.Uvarint(b); n <= 0 {
			return h, errHint
		}
		b = b[n:]
	}
	h.ino, h.size, h.blockSize = nums[0], int64(nums[1]), int64(nums[2])
	for _, s := range []*string{&h.mount, &h.key, &h.version} {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return h, errHint
		}
		*s, b = string(b[n:n+int(size)]), b[n+int(size):]
	}
	if len(b) > 0 || h.size < 1 || checkBlockSize(h.blockSize) != nil || h.blockSize == 0 || h.size > h.blockSize*maxBlocks {
		return h, errHint
	}
	return h, nil
}

// hint describes h for a peer; ok is false if no store has the version, so that nobody can bring it.
func (h *handle) hint(a ask, keeps bool) (b []byte, ok bool) {
	p, err := h.source()
	if err != nil {
		return nil, false
	}
	d := hint{
		alone: a.alone, keeps: keeps, owned: a.owned,
		ino: h.in.Ino, size: h.in.Size, blockSize: h.in.BlockSize, mount: p.mount.path, key: p.key, version: p.version,
	}
	return d.append(nil), true
}

// asked is a handle of the file that a peer asks a block of, and what its hint says. The handle is what the replica knows of the
// version, or else what the peer says, if the version is named after that.
func (n *Node) asked(file tier.FileID, raw []byte) (h *handle, d hint, err error) {
	if d, err = decodeHint(raw); err != nil {
		return nil, d, err
	}
	m := n.mounts.at(d.mount)
	if m == nil {
		return nil, d, errNoAccess
	}
	h = &handle{n: n, path: join(m.path, d.key), read: Cache}
	if in, ok := n.tree.Get(d.ino); ok && d.ino != 0 && in.FileID == file {
		h.in = in
		return h, d, nil
	}
	if fileIDOf(m.spec.Store, d.key, d.version, d.blockSize) != file {
		return nil, d, errStranger
	}
	h.in = namespace.Inode{
		Name: baseOf(h.path), FileID: file, Size: d.size, BlockSize: d.blockSize, Version: namespace.VersionOf(d.version),
		Persist: namespace.Persisted, Complete: true,
	}
	h.from = &found{mount: m, path: h.path, key: d.key, attr: ufs.Attr{Key: d.key, Size: d.size, Version: d.version}, in: h.in}
	return h, d, nil
}
