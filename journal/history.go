package journal

import "encoding/hex"

// History is the name of this journal's history, 32 hex digits: the same on all nodes, kept in Dir, and another after Recover. A
// journal without Peers and without Config.Restore has none.
func (j *Journal) History() string {
	c := j.history
	if j.mesh != nil {
		_, c = j.mesh.is()
	}
	if c == none {
		return ""
	}
	return hex.EncodeToString(c[:])
}

// nameHistory gives the history of a journal that is alone its name, for it to keep should it meet others.
func (j *Journal) nameHistory() error {
	alone := &mesh{j: j}
	c, member, err := alone.remembered()
	if err == nil && !member {
		alone.founder, c = true, newCluster()
		err = alone.remember(c)
	}
	if err == nil && alone.founder {
		_, err = alone.isFresh()
	}
	j.history = c
	return err
}
