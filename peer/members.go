package peer

import (
	"fmt"
	"slices"
)

// ID is the node's id.
func (m *Mesh) ID() string { return m.opts.ID }

// Addr is the host:port at which others reach the node.
func (m *Mesh) Addr() string { return m.addr }

// Members are all that are known, this node too, by ID. Those that failed or left are there for a while.
func (m *Mesh) Members() []Member { return slices.Clone(m.table.shown.Load().members) }

// Changed is closed at the next change of Members or of who owns what.
func (m *Mesh) Changed() <-chan struct{} { return m.table.shown.Load().replaced }

// Owners appends to dst up to n live members that own a key, the first one first. All nodes that know the same members
// say the same. A member that has failed keeps its place for Config.GraceTime; meanwhile its successors stand in.
func (m *Mesh) Owners(dst []string, key Key, n int) []string {
	return m.table.shown.Load().owners(dst, key, n)
}

// Previous is who owned a key before the ring last changed, while that is fresh: it may have the block that the owner
// has not yet. false: nobody, or the owner itself, or a member that is gone.
func (m *Mesh) Previous(key Key) (string, bool) { return m.table.shown.Load().previous(key) }

// Owned reports whether this node owns a key, or may still be asked for the block as its owner by nodes that have not heard of the
// ring's last change. To a node that has come at about one time with the others this one is the owner before, and yet never was.
func (m *Mesh) Owned(key Key) bool { return m.table.shown.Load().owned(key) }

// SetMeta tells the others something of this node, up to MaxMeta bytes, that they find in Member.Meta. It returns when the
// news is on its way.
func (m *Mesh) SetMeta(meta []byte) error {
	if len(meta) > MaxMeta {
		return fmt.Errorf("meta of %d bytes: %w: want at most %d", len(meta), ErrTooLarge, MaxMeta)
	}
	return m.gossip.SetMeta(meta)
}
