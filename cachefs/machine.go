package cachefs

import (
	"io"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/journal"
)

// machine is what the journal drives: the replica of the namespace, and behind it the queue of what each entry asks
// of this node's tiers. Apply waits for nothing.
type machine struct {
	tree      *namespace.Tree
	effects   *effects
	leftovers leftovers
	applying  *applying
	mounts    func() // called when the replica's mounts have changed
	mounted   uint64 // how often they had
	leavers   func() // called when the nodes that leave are others
	left      uint64 // how often they were
}

func (m *machine) Apply(entries []journal.Entry) [][]byte {
	answers := make([][]byte, len(entries))
	for i := range entries {
		e := &entries[i]
		answer, effects := m.tree.Apply(e.Index, e.Time, e.Cmd)
		answers[i] = answer
		m.effects.add(effects)
	}
	if m.tree.Unfinished() {
		m.leftovers.kick()
	}
	m.follow()
	return answers
}

// follow tells of mounts that were made or went and of nodes that leave, then those who wait for the replica: another node's
// request meets them.
func (m *machine) follow() {
	if now := m.tree.MountChanges(); now != m.mounted {
		m.mounted = now
		m.mounts()
	}
	if now := m.tree.LeavingChanges(); now != m.left {
		m.left = now
		m.leavers()
	}
	m.applying.tell(m.tree.Index())
}

func (m *machine) Snapshot() (journal.Snapshot, error) { return m.tree.Snapshot(), nil }

// Restore replaces the replica. What the lost entries in between asked of the tiers is found by comparing.
func (m *machine) Restore(r io.Reader) error {
	if err := m.tree.Restore(r); err != nil {
		return err
	}
	m.effects.lost()
	m.follow()
	return nil
}

func (m *machine) Level(cmd []byte) (uint32, error) { return namespace.Level(cmd) }
