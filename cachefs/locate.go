package cachefs

import (
	"cmp"
	"context"
	"net"
	"slices"
	"sync"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/peer"
	"github.com/millpond/millpond/tier"
)

// BlockLocation says where one block of a file is cached, for schedulers that bring work to bytes.
type BlockLocation struct {
	Offset int64 // in the file
	Length int64
	Nodes  []BlockReplica // this node first, then those on its host, then all others; empty: only the under store has it
}

// BlockReplica is one cached copy.
type BlockReplica struct {
	Node string
	Addr string // host:port of the node in the mesh; "" of a node alone
	Kind tier.Kind
}

// Locate says where the blocks of a file are cached. Every node that lives is asked at once; one that does not answer within a
// second has none.
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
	list, first := locations(&in, opts)
	if len(list) == 0 {
		return nil, nil
	}
	addHolders(list, BlockReplica{Node: n.id, Addr: n.addr()}, n.kinds(locateRequest{in.FileID, first, int64(len(list))}))
	if err := n.locateElsewhere(ctx, list, locateRequest{in.FileID, first, int64(len(list))}); err != nil {
		return nil, pathError("locate", path, err)
	}
	return list, nil
}

// locations are the blocks that are asked about, without nodes, and the number of the first one.
func locations(in *namespace.Inode, o LocateOptions) (list []BlockLocation, first int64) {
	end := in.Size
	if o.Length > 0 && o.Length < end-o.Offset {
		end = o.Offset + o.Length
	}
	for i := range blocksOf(in) {
		off := i * in.BlockSize
		length := min(in.BlockSize, in.Size-off)
		if off+length <= o.Offset || off >= end {
			continue
		}
		if len(list) == 0 {
			first = i
		}
		list = append(list, BlockLocation{Offset: off, Length: length})
	}
	return list, first
}

// locateRequest asks which of a file's blocks a node has: Blocks of them, from First on.
type locateRequest struct {
	File          tier.FileID
	First, Blocks int64
}

// notHere stands for no kind of tier.
const notHere = -1

// kinds are the tiers that have the blocks, notHere where none does.
func (n *Node) kinds(r locateRequest) []int {
	list := make([]int, min(max(r.Blocks, 0), maxLocated))
	for i := range list {
		list[i] = notHere
		if kind, _, ok := n.tiers.Has(tier.NewBlockID(r.File, uint32(r.First+int64(i)))); ok {
			list[i] = int(kind)
		}
	}
	return list
}

// maxLocated bounds what one call asks about: 1 Mi blocks are 4 TiB, and an answer of some MiB.
const maxLocated = 1 << 20

// locateElsewhere asks the other nodes.
func (n *Node) locateElsewhere(ctx context.Context, list []BlockLocation, r locateRequest) error {
	if n.peers == nil {
		return nil
	}
	members := slices.DeleteFunc(n.peers.Members(), func(m peer.Member) bool { return m.Self || m.State != peer.Alive })
	n.onHostFirst(members)
	kinds := make([][]int, len(members))
	var asking sync.WaitGroup
	for i := range members {
		asking.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, answerTime)
			defer cancel()
			kinds[i], _ = askNode[[]int](ctx, n, members[i].ID, callLocate, r) // no answer, no blocks
		})
	}
	asking.Wait()
	for i, m := range members {
		addHolders(list, BlockReplica{Node: m.ID, Addr: m.Addr}, kinds[i])
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// onHostFirst moves the nodes that have this node's host to the front.
func (n *Node) onHostFirst(members []peer.Member) {
	mine := hostOf(n.addr())
	slices.SortStableFunc(members, func(a, b peer.Member) int {
		return cmp.Compare(distance(mine, a.Addr), distance(mine, b.Addr))
	})
}

// distance of an address from a host: 0 there, 1 elsewhere.
func distance(host, addr string) int {
	if hostOf(addr) == host {
		return 0
	}
	return 1
}

// hostOf is the host of a member's host:port.
func hostOf(addr string) string {
	host, _, _ := net.SplitHostPort(addr) // of gossip, which has made it of both
	return host
}

func addHolders(list []BlockLocation, r BlockReplica, kinds []int) {
	for i, k := range kinds[:min(len(kinds), len(list))] {
		if k != notHere {
			r.Kind = tier.Kind(k)
			list[i].Nodes = append(list[i].Nodes, r)
		}
	}
}

// addr is where the others reach this node, "" if there are none.
func (n *Node) addr() string {
	if n.peers == nil {
		return ""
	}
	return n.peers.Addr()
}
