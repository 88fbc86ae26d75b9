package cachefs

import (
	"io/fs"

	"github.com/hashicorp/go-msgpack/v2/codec"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/tier"
)

// What a Client and a node say to each other is MessagePack: names need not be UTF-8, and fields may be added. A field
// that one side does not know is skipped.
var wire = &codec.MsgpackHandle{WriteExt: true} // strings and bytes are kept apart

func encodeWire(v any) ([]byte, error) {
	var b []byte
	err := codec.NewEncoderBytes(&b, wire).Encode(v)
	return b, err
}

func decodeWire(b []byte, v any) error {
	if err := codec.NewDecoderBytes(b, wire).Decode(v); err != nil {
		return invalid("a message of %d bytes: %v", len(b), err)
	}
	return nil
}

// wireInfo is an Info on its way. What is zero is left out: lists are long.
type wireInfo struct {
	Path    []byte            `codec:"p"`
	Ino     uint64            `codec:"i,omitempty"`
	File    []byte            `codec:"f,omitempty"` // FileID
	Flags   uint8             `codec:"g,omitempty"`
	State   uint8             `codec:"s,omitempty"` // PersistState
	Size    int64             `codec:"z,omitempty"`
	ModTime int64             `codec:"t,omitempty"`
	Block   int64             `codec:"b,omitempty"`
	Mode    uint32            `codec:"m,omitempty"`
	Owner   string            `codec:"o,omitempty"`
	Group   string            `codec:"u,omitempty"`
	Version string            `codec:"v,omitempty"`
	TTL     int64             `codec:"l,omitempty"`
	Action  uint8             `codec:"a,omitempty"`
	Least   int               `codec:"rl,omitempty"`
	Most    int               `codec:"rm,omitempty"`
	ACL     *ACL              `codec:"c,omitempty"`
	Xattr   map[string][]byte `codec:"x,omitempty"`
}

// Flags of a wireInfo.
const (
	wireDir = 1 << iota
	wireMountPoint
	wireComplete
	wirePinned
)

func infoToWire(i *Info) wireInfo {
	e := i.e()
	w := wireInfo{
		Path: []byte(e.Path()), Ino: e.Ino(), State: uint8(e.Persist()), Size: e.Size(), ModTime: e.ModTime(), Block: e.BlockSize(),
		Mode: uint32(e.Mode()), Owner: e.Owner(), Group: e.Group(), Version: e.Version(), TTL: e.TTL(), Action: uint8(e.Action()),
		ACL: e.ACL(), Xattr: e.Xattr(),
	}
	w.Least, w.Most = e.Replicas()
	if id := e.FileID(); id != (tier.FileID{}) {
		w.File = id[:]
	}
	for flag, on := range map[uint8]bool{wireDir: e.Dir(), wireMountPoint: e.MountPoint(), wireComplete: e.Complete(), wirePinned: e.Pinned()} {
		if on {
			w.Flags |= flag
		}
	}
	return w
}

// inode is what w describes, as far as a Client may know it.
func (w *wireInfo) inode() *namespace.Inode {
	in := &namespace.Inode{
		Ino: w.Ino, Name: baseOf(string(w.Path)), Size: w.Size, ModTime: w.ModTime, BlockSize: w.Block, Mode: fs.FileMode(w.Mode),
		Owner: w.Owner, Group: w.Group, Version: namespace.VersionOf(w.Version), TTL: w.TTL, TTLAction: TTLAction(w.Action),
		ReplicasMin: w.Least, ReplicasMax: w.Most, ACL: w.ACL, Xattr: w.Xattr, Persist: PersistState(w.State),
		Dir: w.Flags&wireDir != 0, MountPoint: w.Flags&wireMountPoint != 0, Complete: w.Flags&wireComplete != 0, Pinned: w.Flags&wirePinned != 0,
	}
	copy(in.FileID[:], w.File)
	return in
}

func (w *wireInfo) info() *Info { return infoOf(w.inode(), string(w.Path)) }
