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
	return answers
}

func (m *machine) Snapshot() (journal.Snapshot, error) { return m.tree.Snapshot(), nil }

// Restore replaces the replica. What the lost entries in between asked of the tiers is found by comparing.
func (m *machine) Restore(r io.Reader) error {
	if err := m.tree.Restore(r); err != nil {
		return err
	}
	m.effects.lost()
	return nil
}

func (m *machine) Level(cmd []byte) (uint32, error) { return namespace.Level(cmd) }
