package cachefs

import (
	"context"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/ufs"
)

// maxRenamed bounds the files whose new versions one SetAttr notes: 16 MiB of them. The bytes of those beyond are read
// again.
const maxRenamed = 64 << 10

// attrChange is the store's part of one SetAttr: mode and owner, where it has them.
type attrChange struct {
	n       *Node
	m       *mount
	o       *AttrOptions
	change  *namespace.SetAttr
	renamed []*found // files below whose bytes the change gave another version
}

// make changes what is at key, and with Recursive all below. The outcome is that of a file.
func (c *attrChange) make(ctx context.Context, s *ufs.Store, key string, in *namespace.Inode) (outcome, error) {
	out, err := c.set(ctx, s, key, in.Version.String())
	if err != nil || !in.Dir {
		return out, err
	}
	if c.o.Recursive {
		err = c.below(ctx, s, key)
	}
	return outcome{}, err
}

func (c *attrChange) below(ctx context.Context, s *ufs.Store, key string) error {
	for a, err := range s.List(ctx, ufs.ListOptions{Prefix: key, Recursive: true}) {
		if err != nil {
			return err
		}
		p := join(c.m.path, a.Key)
		if c.change.User != nil && c.n.tree.MaySet(p, c.change) != nil {
			continue // setBelow says so
		}
		was, _ := c.n.tree.Stat(p, nil)
		out, err := c.set(ctx, s, a.Key, was.Version.String())
		if err != nil {
			return err
		}
		c.n.absent.forget(c.m, a.Key)
		version := was.Version.String()
		if was.Dir || version == "" || out.version == "" || out.version == version || len(c.renamed) == maxRenamed {
			continue
		}
		a.Version, a.Was = out.version, version
		c.renamed = append(c.renamed, c.n.foundAt(c.m, p, a, was))
	}
	return nil
}

// set changes one key: first the owner, which a store may refuse where it takes the mode, so that a refusal changes nothing. The outcome has
// the version that the bytes of version have after it.
func (c *attrChange) set(ctx context.Context, s *ufs.Store, key, version string) (out outcome, err error) {
	if (c.o.Owner != nil || c.o.Group != nil) && s.Caps().Owner {
		a, err := s.SetOwner(ctx, key, deref(c.o.Owner), deref(c.o.Group))
		if err != nil {
			return out, err
		}
		out = sameBytes(version, a)
		version = out.version
	}
	if c.o.Mode != nil && s.Caps().Mode {
		a, err := s.SetMode(ctx, key, c.o.Mode.Perm())
		if err != nil {
			return out, err
		}
		out = sameBytes(version, a)
	}
	return out, nil
}

// note tells the journal what became of versions, after the intent: while that holds the tree, nothing that a look found
// in it counts. The bytes of those that it does not come to are read again.
func (c *attrChange) note(ctx context.Context) {
	since := c.n.tree.Index()
	for _, f := range c.renamed {
		f.since = since
	}
	for list := c.renamed; len(list) > 0; list = list[min(foundBatch, len(list)):] {
		if err := c.n.overlay.add(ctx, list[:min(foundBatch, len(list))]...); err != nil {
			c.n.log.Debug("what a change of attributes made of versions is not noted", "mount", c.m.path, "err", err)
			return
		}
	}
}
