package cachefs

import (
	"context"
	"slices"
)

// Arguments of a Client's calls. Paths are bytes: a name need not be UTF-8.
type (
	pathArgs[O any] struct {
		Path []byte
		Opts O
	}
	renameArgs struct {
		From, To []byte
		Opts     RenameOptions
	}
	mountArgs struct {
		Path []byte
		URL  string
		Opts MountOptions // without a Store
	}
)

// Answers of a Client's calls.
type (
	openAnswer struct {
		Info wireInfo
		// Where the store has a version that the replica does not know yet.
		Mount, Key, Version []byte
	}
	listAnswer struct {
		List []wireInfo
		More bool
	}
	helloAnswer struct{ Node string }
	mountAnswer struct {
		Info MountInfo // without Err
		Err  *wireError
	}
	clusterAnswer struct {
		Self  string
		Peers []PeerInfo // without Err
		Errs  []*wireError
	}
)

// clientCalls are what a Client may call.
var clientCalls = map[string]clientCall{
	"client.hello":   answered(func(_ context.Context, n *Node, _ none) (helloAnswer, error) { return helloAnswer{n.id}, nil }),
	"client.stat":    answered(statForClient),
	"client.open":    answered(openForClient),
	"client.list":    answered(listForClient),
	"client.mounts":  answered(mountsForClient),
	"client.locate":  answered(locateForClient),
	"client.cluster": answered(clusterForClient),
	"client.mkdir": changed(func(ctx context.Context, n *Node, a pathArgs[MkdirOptions]) error {
		return n.Mkdir(ctx, string(a.Path), &a.Opts)
	}),
	"client.rename": changed(func(ctx context.Context, n *Node, a renameArgs) error {
		return n.Rename(ctx, string(a.From), string(a.To), &a.Opts)
	}),
	"client.remove": changed(func(ctx context.Context, n *Node, a pathArgs[RemoveOptions]) error {
		return n.Remove(ctx, string(a.Path), &a.Opts)
	}),
	"client.setattr": changed(func(ctx context.Context, n *Node, a pathArgs[AttrOptions]) error {
		return n.SetAttr(ctx, string(a.Path), &a.Opts)
	}),
	"client.mount": changed(func(ctx context.Context, n *Node, a mountArgs) error {
		return n.Mount(ctx, string(a.Path), a.URL, &a.Opts)
	}),
	"client.unmount": changed(func(ctx context.Context, n *Node, a pathArgs[UnmountOptions]) error {
		return n.Unmount(ctx, string(a.Path), &a.Opts)
	}),
	"client.free": changed(func(ctx context.Context, n *Node, a pathArgs[FreeOptions]) error {
		return n.Free(ctx, string(a.Path), &a.Opts)
	}),
}

func statForClient(ctx context.Context, n *Node, a pathArgs[StatOptions]) (w wireInfo, err error) {
	ctx, end, err := n.whileLedIf(a.Opts.Consistent, ctx)
	if err != nil {
		return w, err
	}
	defer end()
	info, err := n.Stat(ctx, string(a.Path), &a.Opts)
	if err != nil {
		return w, err
	}
	return infoToWire(info), nil
}

// openForClient opens a file and tells what it takes to read that version: nothing of it stays here.
func openForClient(ctx context.Context, n *Node, a pathArgs[OpenOptions]) (o openAnswer, err error) {
	f, err := n.Open(ctx, string(a.Path), &a.Opts)
	if err != nil {
		return o, err
	}
	defer f.Close()
	o.Info = infoToWire(infoOf(&f.in, f.path))
	if f.from != nil {
		o.Mount, o.Key, o.Version = []byte(f.from.mount.path), []byte(f.from.key), []byte(f.from.attr.Version)
	}
	return o, nil
}

// clientPage bounds the entries of one answer, and clientPageBytes about what they take: some have megabytes of attributes.
const (
	clientPage      = 512
	clientPageBytes = 1 << 20
)

// listForClient lists what the replica has at once; what a store has, when the journal has taken it.
func listForClient(ctx context.Context, n *Node, a pathArgs[ListOptions]) (l listAnswer, err error) {
	ctx, led, err := n.whileLedIf(a.Opts.Consistent, ctx)
	if err != nil {
		return l, err
	}
	defer led()
	ctx, end := n.untilUnled(ctx)
	defer end()
	size := 0
	for info, err := range n.List(ctx, string(a.Path), &a.Opts) {
		if err != nil {
			return l, err
		}
		if len(l.List) == clientPage || size > clientPageBytes {
			l.More = true
			break
		}
		w := infoToWire(info)
		for name, value := range w.Xattr {
			size += len(name) + len(value)
		}
		size += len(w.Path)
		l.List = append(l.List, w)
	}
	return l, nil
}

func mountsForClient(ctx context.Context, n *Node, _ none) ([]mountAnswer, error) {
	list, err := n.Mounts(ctx)
	all := make([]mountAnswer, len(list))
	for i, m := range list {
		all[i].Info, all[i].Err = m, errorToWire(m.Err)
		all[i].Info.Err = nil
	}
	return all, err
}

func locateForClient(ctx context.Context, n *Node, a pathArgs[LocateOptions]) ([]BlockLocation, error) {
	return n.Locate(ctx, string(a.Path), &a.Opts)
}

func clusterForClient(ctx context.Context, n *Node, _ none) (c clusterAnswer, err error) {
	info, err := n.Cluster(ctx)
	if err != nil {
		return c, err
	}
	c.Self, c.Peers = info.Self, slices.Clone(info.Peers)
	for i := range c.Peers {
		c.Errs = append(c.Errs, errorToWire(c.Peers[i].Err))
		c.Peers[i].Err = nil
	}
	return c, nil
}
