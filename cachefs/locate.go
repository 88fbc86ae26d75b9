package cachefs

import (
	"context"

	"github.com/millpond/millpond/tier"
)

// BlockLocation says where one block of a file is cached, for schedulers that bring work to bytes.
type BlockLocation struct {
	Offset int64 // in the file
	Length int64
	Nodes  []BlockReplica // empty: only the under store has it
}

// BlockReplica is one cached copy.
type BlockReplica struct {
	Node string // ClusterInfo.Peers has its address
	Kind tier.Kind
}

// Locate says where the blocks of a file are cached.
func (n *Node) Locate(ctx context.Context, path string, o *LocateOptions) ([]BlockLocation, error) {
	opts := deref(o)
	if err := opts.check(); err != nil {
		return nil, pathError("locate", path, err)
	}
	in, _, err := n.look(ctx, path, false)
	switch {
	case err != nil:
		return nil, pathError("locate", path, err)
	case in.Dir:
		return nil, pathError("locate", path, ErrIsDir)
	}
	end := in.Size
	if opts.Length > 0 && opts.Length < end-opts.Offset {
		end = opts.Offset + opts.Length
	}
	var list []BlockLocation
	for i := range blocksOf(&in) {
		off := i * in.BlockSize
		length := min(in.BlockSize, in.Size-off)
		if off+length <= opts.Offset || off >= end {
			continue
		}
		b := BlockLocation{Offset: off, Length: length}
		if kind, _, ok := n.tiers.Has(blockID(&in, i)); ok {
			b.Nodes = []BlockReplica{{Node: n.id, Kind: kind}}
		}
		list = append(list, b)
	}
	return list, nil
}
