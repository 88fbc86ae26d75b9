package cachefs

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/millpond/millpond/internal/namespace"
)

// Looks at a store among several nodes. A directory is listed by the node that the ring has for it, whoever wants to know,
// so that nodes that sync one mount at one time list it once; all see it, since it goes through the journal. One name is
// looked at by the node that wants it, at once. What a node cannot look at, since it lacks the store's driver or its
// credentials, another does for it.

// sightRequest asks a node to look at its store.
type sightRequest struct {
	Path  []byte `json:"path"`
	Index uint64 `json:"index"` // that the asker has applied: what was changed up to there is newer than what is cached
	List  bool   `json:"list"`  // a directory; else the name
	Sync  bool   `json:"sync"`  // whatever the mount's policy
}

// sight is what it saw, but for what the journal has by now.
type sight struct {
	Index   uint64 `json:"index"`   // at which the replicas have it
	Missing bool   `json:"missing"` // there is nothing
}

// listShared lists a directory of a store: here or where it is listed for all.
func (n *Node) listShared(ctx context.Context, m *mount, path, key string, dir *namespace.Inode, sync bool) error {
	return n.eachLooker(ctx, n.listers(m, key), func(id string) error {
		if id == n.id {
			return n.listHere(ctx, m, path, key, dir)
		}
		_, err := n.lookAt(ctx, id, sightRequest{Path: []byte(path), Index: n.tree.Index(), List: true, Sync: sync})
		return err
	})
}

// statShared looks at one name of a store: here, or where that can be done.
func (n *Node) statShared(ctx context.Context, m *mount, path, key string) (f *found, err error) {
	err = n.eachLooker(ctx, n.lookers(), func(id string) error {
		if id == n.id {
			f, err = n.statHere(ctx, m, path, key)
			return err
		}
		saw, err := n.lookAt(ctx, id, sightRequest{Path: []byte(path), Index: n.tree.Index(), Sync: true})
		if err != nil {
			return err
		}
		if saw.Missing {
			n.absent.miss(m, key)
			return ErrNotExist
		}
		in, err := n.tree.Stat(path, nil)
		if err != nil { // it went again
			return errKnown
		}
		n.absent.saw(in.Ino)
		f = &found{same: true, was: in, since: n.tree.Index()}
		return nil
	})
	return f, err
}

// hereKey is statKey for what this node does itself, which it does not wait for while it asks others: two nodes that
// take each other for the one to ask would wait for each other.
func hereKey(m *mount, key string) string { return "here\x00" + statKey(m, key) }

// listHere lists a directory of this node's store, once for itself and for all who ask it.
func (n *Node) listHere(ctx context.Context, m *mount, path, key string, dir *namespace.Inode) error {
	if n.isAlone() {
		return n.listStore(ctx, m, path, key, dir)
	}
	_, err := n.lists.Do(ctx, hereKey(m, key), func(ctx context.Context) (struct{}, error) {
		return struct{}{}, n.listStore(ctx, m, path, key, dir)
	})
	return err
}

// statHere looks at one name of this node's store, once for itself and for all who ask it.
func (n *Node) statHere(ctx context.Context, m *mount, path, key string) (*found, error) {
	if n.isAlone() {
		return n.statStore(ctx, m, path, key)
	}
	return n.stats.Do(ctx, hereKey(m, key), func(ctx context.Context) (*found, error) { return n.statStore(ctx, m, path, key) })
}

// listers are the nodes that may list a directory: the one that the ring has for it, this one, all others.
func (n *Node) listers(m *mount, key string) []string {
	if n.isAlone() {
		return []string{n.id}
	}
	sum := sha256.Sum256([]byte(statKey(m, key)))
	return append(n.nodes.successors([20]byte(sum[:20]), 1), n.lookers()...)
}

// lookers are the nodes that may look at a store, this one first.
func (n *Node) lookers() []string {
	ids := []string{n.id}
	for id := range n.living() {
		if id != n.id {
			ids = append(ids, id)
		}
	}
	return ids
}

// eachLooker has the first of some nodes look that can: that answers, and has access to the store. Where those that have follow no
// primary they are asked again for a while: they may be electing one.
func (n *Node) eachLooker(ctx context.Context, ids []string, look func(id string) error) error {
	for began := time.Now(); ; {
		lags, err := n.eachLookerOnce(ctx, ids, look)
		if !lags || ctx.Err() != nil || time.Since(began) >= unledTime {
			return err
		}
		select {
		case <-time.After(askAgain):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// eachLookerOnce asks each once. lags: one that could not may be able soon.
func (n *Node) eachLookerOnce(ctx context.Context, ids []string, look func(id string) error) (lags bool, err error) {
	asked := map[string]bool{}
	for _, id := range ids {
		if asked[id] {
			continue
		}
		asked[id] = true
		e := look(id)
		if e == nil || ctx.Err() != nil || !cannotLook(e, id != n.id) {
			return false, e
		}
		lags = lags || errors.Is(e, errLags)
		if err == nil || id == n.id { // why this node cannot is what its user can mend
			err = e
		}
	}
	return lags, err
}

// cannotLook reports whether an error says nothing of what is to be seen, because the node cannot look, or does not answer.
func cannotLook(err error, other bool) bool {
	_, silent := errors.AsType[*unanswered](err)
	return silent || errors.Is(err, errNoAccess) || errors.Is(err, errLags) || other && errors.Is(err, ErrClosed)
}

// lookAt has another node look at its store, and returns when the replica has what it saw.
func (n *Node) lookAt(ctx context.Context, id string, r sightRequest) (sight, error) {
	saw, err := askAttended[sight](ctx, n, id, callLook, r)
	if err == nil {
		err = n.keepUp(ctx, saw.Index)
	}
	return saw, err
}

// serveLook looks at a store for another node, as long as the journal hears of what it sees: else errLags. It asks nobody else.
func (n *Node) serveLook(ctx context.Context, r sightRequest) (saw sight, err error) {
	ctx, end, err := n.whileLed(ctx)
	if err != nil {
		return saw, errors.Join(errLags, err)
	}
	defer end()
	defer func() {
		if err != nil && context.Cause(ctx) == errLostPrimary {
			err = errors.Join(errLags, err)
		}
	}()
	if err := n.keepUp(ctx, r.Index); err != nil {
		return saw, err
	}
	path := string(r.Path)
	m, key := n.mounts.find(path)
	if m == nil {
		return saw, ErrNotExist
	}
	if r.List {
		err = n.serveList(ctx, m, path, key, r.Sync)
	} else {
		_, err = n.statHere(ctx, m, path, key)
	}
	switch {
	case errors.Is(err, ErrNotExist) && !r.List:
		saw.Missing = true
	case err != nil && err != errKnown:
		return saw, err
	}
	err = n.tell(ctx)
	saw.Index = n.tree.Index()
	return saw, err
}

func (n *Node) serveList(ctx context.Context, m *mount, path, key string, sync bool) error {
	dir, err := n.tree.Stat(path, nil)
	if err != nil || !sync && n.listedSince(m, &dir) {
		return err
	}
	return n.listHere(ctx, m, path, key, &dir)
}
