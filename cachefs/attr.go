package cachefs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/ufs"
)

// AttrOptions say what SetAttr changes: nil leaves it.
type AttrOptions struct {
	Recursive bool // directories with all that is below

	Pin         *bool             // keep the blocks out of the evictor; later files below inherit it
	TTL         *time.Duration    // from now on; 0: for ever
	TTLAction   *TTLAction        // what happens at its end
	ReplicasMin *int              // copies to keep at least, in a mesh, of what no store has; of other files, that a Load makes
	ReplicasMax *int              // passive copies stop at; 0 no limit
	Mode        *fs.FileMode      // permission bits; reaches stores that have them
	Owner       *string           // reaches stores that have owners
	Group       *string           // the same
	ACL         *ACL              // access control list; an empty one removes it
	DefaultACL  *ACL              // of a directory: what new entries inherit
	Xattr       map[string][]byte // set; a nil value removes
	ModTime     *time.Time
}

// ACL is an access control list, as POSIX 1003.1e has it: what it grants beside the mode, whose bits are the owner's, the
// owning group's and the others'.
type ACL = namespace.ACL

// ACLEntry grants the bits Perm (4 read, 2 write, 1 search) to the user or group Name; an ACLMask, which has no name,
// bounds what the entries and the owning group have.
type ACLEntry = namespace.ACLEntry

// Tags of an ACLEntry.
const (
	ACLUser  = 'u'
	ACLGroup = 'g'
	ACLMask  = 'm'
	// ACLOwningGroup is what the owning group has: once a list has a mask, the mode's group bits are that mask, and chmod
	// changes it. It has no name. Default: the group bits that the mode had without the list.
	ACLOwningGroup = 'o'
)

// SetAttr changes what is not the content.
func (n *Node) SetAttr(ctx context.Context, path string, o *AttrOptions) error {
	return pathError("setattr", path, n.latest(ctx, func() error { return n.setAttr(ctx, path, deref(o)) }))
}

func (n *Node) setAttr(ctx context.Context, path string, o AttrOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	return n.retryStale(ctx, path, func(in *namespace.Inode) error { return n.setInodeAttr(ctx, path, in, o) })
}

func (n *Node) setInodeAttr(ctx context.Context, path string, in *namespace.Inode, o AttrOptions) error {
	if o.DefaultACL != nil && !in.Dir {
		return invalid("default ACL of a file; directories have one")
	}
	c := o.command(path, n.user(ctx))
	m, key := n.mounts.find(path)
	switch {
	case m == nil || !o.inStores():
		if _, err := n.change(ctx, c); err != nil {
			return err
		}
		err := n.setBelow(ctx, in, c, 0)
		if err != nil && !errors.Is(err, ErrPermission) {
			err = fmt.Errorf("%w of what is below: %w", ErrUnknownOutcome, err)
		}
		return n.removed(ctx, err)
	case m.readOnly:
		return ErrReadOnly
	}
	b := &namespace.Begin{
		Kind: namespace.IntentSetAttr, Path: path, Ino: in.Ino, User: n.user(ctx), Recursive: o.Recursive, Prior: in.Version.String(), Payload: c.Append(nil),
	}
	store := attrChange{n: n, m: m, o: &o, change: c}
	var denied error // what is not the user's below stays; all else is changed
	err := n.withIntent(ctx, b, func(ctx context.Context, s *ufs.Store, id uint64) (outcome, error) {
		// The intent keeps uploads from publishing: what the store has is looked at now.
		it, _ := n.tree.Intent(id)
		now, _ := n.tree.Get(it.Ino)
		has, err := n.stored(ctx, m, key, &now)
		var out outcome
		if err == nil && has {
			out, err = store.make(ctx, s, key, &now)
		}
		if err != nil {
			return out, err
		}
		if err = n.setBelow(ctx, in, c, id); errors.Is(err, ErrPermission) {
			denied, err = err, nil
		}
		return out, err
	})
	store.note(ctx)
	return errors.Join(err, denied)
}

// setBelow makes a recursive change to what lies below a directory, in steps. What the user may not change is left, and
// the error says so at the end.
func (n *Node) setBelow(ctx context.Context, in *namespace.Inode, c *namespace.SetAttr, intent uint64) error {
	if !in.Dir || !c.Recursive {
		return nil
	}
	var denied error
	x := &namespace.SetAttrBelow{SetAttr: *c, Intent: intent}
	for {
		a, err := n.propose(ctx, x)
		if errors.Is(err, ErrPermission) {
			denied = fmt.Errorf("%w: some of what is below", err)
		} else if err != nil {
			return err
		}
		if x.After = a.Next; x.After == "" {
			return denied
		}
	}
}

// inStores reports whether the change reaches under stores, those that have what it is about.
func (o *AttrOptions) inStores() bool { return o.Mode != nil || o.Owner != nil || o.Group != nil }

// command is the change as the namespace makes it.
func (o *AttrOptions) command(path string, u *namespace.User) *namespace.SetAttr {
	c := &namespace.SetAttr{
		Path: path, User: u, Recursive: o.Recursive, Pin: o.Pin, TTLAction: o.TTLAction, ReplicasMin: o.ReplicasMin,
		ReplicasMax: o.ReplicasMax, Mode: o.Mode, Owner: o.Owner, Group: o.Group, ACL: o.ACL, DefaultACL: o.DefaultACL,
	}
	if o.TTL != nil {
		ttl := int64(*o.TTL)
		c.TTL = &ttl
	}
	if o.ModTime != nil {
		at := o.ModTime.UnixNano()
		c.ModTime = &at
	}
	for name, value := range o.Xattr {
		if value == nil {
			c.RemoveXattr = append(c.RemoveXattr, name)
			continue
		}
		if c.Xattr == nil {
			c.Xattr = map[string][]byte{}
		}
		c.Xattr[name] = value
	}
	slices.Sort(c.RemoveXattr)
	return c
}
