package journal

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/millpond/millpond/journal/internal/stable"
)

// Identify is the NodeID that Open gives a journal of cfg, for who needs it before: the one that Dir keeps, made if need
// be, or cfg's, or a random one. Without a Dir it is to be given to Open as Config.NodeID.
func Identify(cfg Config) (id string, err error) {
	if cfg, err = cfg.complete(); err != nil {
		return "", err
	}
	j := &Journal{cfg: cfg}
	err = j.openState()
	return j.node, errors.Join(err, j.release())
}

// openState takes the directory, if there is one, and finds or makes the node's id.
func (j *Journal) openState() (err error) {
	if j.cfg.Dir == "" {
		j.state, _ = stable.Open(nil, "", true)
		return j.identify()
	}
	if err := makeDirs(j.cfg.FS, j.cfg.Dir); err != nil {
		return err
	}
	if j.lock, err = j.cfg.FS.Lock(filepath.Join(j.cfg.Dir, "LOCK")); err != nil {
		return err
	}
	if j.state, err = stable.Open(j.cfg.FS, j.cfg.Dir, j.cfg.NoSync); err != nil {
		return err
	}
	return j.identify()
}

// identify finds or makes the node's id.
func (j *Journal) identify() error {
	kept, ok, err := j.state.Get(keyNode)
	if err != nil {
		return err
	}
	if ok {
		j.node = string(kept)
		if j.cfg.NodeID != "" && j.cfg.NodeID != j.node {
			return fmt.Errorf("journal %s belongs to node %q, and Config.NodeID is %q: leave it empty, or use another directory", j.cfg.Dir, j.node, j.cfg.NodeID)
		}
		return nil
	}
	j.node = j.cfg.NodeID
	if j.node == "" {
		var b [16]byte
		_, _ = rand.Read(b[:]) // never fails
		j.node = hex.EncodeToString(b[:])
	}
	return j.state.Put(keyNode, []byte(j.node))
}
