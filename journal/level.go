package journal

import (
	"fmt"

	"github.com/millpond/millpond/journal/internal/batch"
)

// LevelError says that a command is not known to every node of the mesh. It may be proposed when the last one that lacks it has left.
type LevelError struct {
	Level uint32 // that the command needs
	Known uint32 // that node Node has, the lowest of all
	Node  string
}

func (e *LevelError) Error() string {
	return fmt.Sprintf("command needs feature level %d, node %s has %d: it can be used when every node has been upgraded", e.Level, e.Node, e.Known)
}

// Level is the feature level that every node of the mesh knows: what may be proposed now. Nodes that have failed count, since they may
// come back; those that have left do not.
func (j *Journal) Level() uint32 {
	level, _ := j.lowest()
	return level
}

func (j *Journal) lowest() (level uint32, node string) {
	level, node = j.cfg.Level, j.node
	if j.mesh == nil {
		return level, node
	}
	for _, m := range j.mesh.peers.Members() {
		if !m.Left && m.Level != 0 && m.Level < level {
			level, node = m.Level, m.ID
		}
	}
	return level, node
}

// allowed refuses a command that not every node knows.
func (j *Journal) allowed(level uint32) error {
	if level == 0 {
		return nil
	}
	if known, node := j.lowest(); level > known {
		return &LevelError{Level: level, Known: known, Node: node}
	}
	return nil
}

// refuse takes the commands out that not every node knows. errs has a place for each command that came.
func (j *Journal) refuse(cmds []batch.Command) (good []batch.Command, errs []error) {
	known, node := j.lowest()
	errs = make([]error, len(cmds))
	for i := range cmds {
		if l := cmds[i].Level; l > known {
			errs[i] = &LevelError{Level: l, Known: known, Node: node}
		} else {
			good = append(good, cmds[i])
		}
	}
	return good, errs
}
