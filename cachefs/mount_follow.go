package cachefs

import (
	"context"
	"encoding/json"

	"github.com/millpond/millpond/internal/namespace"
)

// followMounts makes the node's mounts what the replica has, whichever node made them. Apply calls it, so that nothing is
// done below a mount that takes what has a store for what has none; it waits for nothing. Stores are opened when they
// are needed.
func (n *Node) followMounts() {
	t := &n.mounts
	t.mu.Lock()
	var next []*mount
	var fresh []*mount
	for _, said := range n.tree.Mounts() {
		old := t.at(said.Path)
		switch m := t.expectedLocked(said.Path, string(said.Spec)); {
		case old != nil && old.raw == string(said.Spec) && old.readOnly == said.ReadOnly:
			next = append(next, old)
		case m != nil && m.readOnly == said.ReadOnly:
			next = append(next, m)
		default:
			if m := n.mountSaid(&said, old); m != nil {
				next, fresh = append(next, m), append(fresh, m)
			}
		}
	}
	gone := t.becomeLocked(next)
	t.mu.Unlock()
	if len(next) > 0 {
		if err := n.absent.open(); err != nil {
			n.log.Warn("absent names are not remembered", "err", err)
		}
	}
	for _, m := range gone {
		n.closeBehind(m)
	}
	n.openBehind(fresh)
}

// mountSaid is the mount that the journal describes, nil if that cannot be read. old is what stood there before: a change
// of its policy leaves its store open.
func (n *Node) mountSaid(said *namespace.Mount, old *mount) *mount {
	m := &mount{path: said.Path, raw: string(said.Spec), readOnly: said.ReadOnly, opts: &n.cfg.UFS, opened: &opened{}}
	if err := json.Unmarshal(said.Spec, &m.spec); err != nil {
		n.log.Error("mount with a damaged description", "path", said.Path, "err", err)
		return nil
	}
	if old != nil && old.spec.Store == m.spec.Store && old.spec.URL == m.spec.URL {
		m.opened = old.opened
		return m
	}
	for _, c := range n.cfg.Mounts {
		if c.Path == m.path && c.Store != nil && c.Store.ID() == m.spec.Store {
			m.set(c.Store, false)
		}
	}
	return m
}

// closeBehind closes the store of a mount that is no more, once the tiers have let go of what lay below it.
func (n *Node) closeBehind(m *mount) {
	closeNow := func() {
		if err := m.close(); err != nil {
			n.log.Warn("the store of a mount that is no more did not close well", "mount", m.path, "err", err)
		}
	}
	if m.store.Load() == nil || !n.spawn(func(ctx context.Context) { n.effects.wait(ctx, ctx.Done()); closeNow() }) {
		closeNow()
	}
}

// openBehind opens the stores of mounts that other nodes made. One that cannot be opened here, because this process lacks
// its driver or its credentials, is said to be unavailable: what peers have cached is served all the same.
func (n *Node) openBehind(list []*mount) {
	if n.nodes == nil || n.isAlone() { // Open opens them
		return
	}
	for _, m := range list {
		if m.store.Load() == nil {
			n.spawn(func(ctx context.Context) { n.openOrSay(ctx, m) })
		}
	}
}

// openOrSay opens the store of a mount, and tells if it cannot.
func (n *Node) openOrSay(ctx context.Context, m *mount) {
	_, err := m.open(ctx)
	if err == nil || ctx.Err() != nil {
		return
	}
	n.log.Warn("under store not available", "mount", m.path, "err", err)
	if f := n.cfg.Events.StoreUnavailable; f != nil {
		f(m.info())
	}
}
