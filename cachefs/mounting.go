package cachefs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/ufs"
)

// MountOptions are the options of Mount.
type MountOptions struct {
	Store    *ufs.Store    // an opened store instead of the url; the caller closes it after the node
	ReadOnly bool          // refuse changes below
	Sync     time.Duration // how old what was seen may grow before the store is asked again. Default SyncNever
}

// UnmountOptions are the options of Unmount.
type UnmountOptions struct {
	Force bool // go on although files are being written, or are not persisted: Events.FileLost and the Logger name what is lost
}

// MountInfo describes a mount.
type MountInfo struct {
	Path      string
	URL       string // "" if the store was handed over opened
	Store     string // identity of the place in the store
	ReadOnly  bool
	Sync      time.Duration
	Available bool         // the store is open here; if not, it is opened when it is needed
	Err       error        // why it could not be opened here the last time: no driver, no credentials, no answer
	Metrics   *ufs.Metrics // of the store, nil while it is not open
}

// Mount makes path, which must not exist, stand for the place that url names, which must. A store is read and written with the
// process's credentials, so with Config.Permissions only the process itself and superusers mount and unmount.
func (n *Node) Mount(ctx context.Context, path, url string, o *MountOptions) error {
	opts := deref(o)
	return pathError("mount", path, n.latest(ctx, func() error {
		return n.mount(ctx, MountConfig{Path: path, URL: url, Store: opts.Store, ReadOnly: opts.ReadOnly, Sync: opts.Sync})
	}))
}

func (n *Node) mount(ctx context.Context, c MountConfig) error {
	if err := n.ready(ctx); err != nil {
		return err
	}
	if err := checkPath(c.Path); err != nil {
		return err
	}
	if err := n.mayMount(ctx); err != nil {
		return err
	}
	if err := checkSync(c.Sync); err != nil {
		return invalid("sync %v; want %v", c.Sync, err)
	}
	switch {
	case c.URL == "" && c.Store == nil:
		return invalid("neither URL nor store; give one")
	case c.Path == "/":
		return invalid("mount point \"/\"; want a path below the root, such as \"/data\"")
	}
	if err := n.outsideOwnDirs(&c); err != nil {
		return err
	}
	m, err := n.openMount(ctx, c)
	if err != nil {
		return err
	}
	if err := n.apart(m); err != nil {
		return errors.Join(err, m.close())
	}
	if _, err := n.known(ctx, c.Path); err != nil {
		return errors.Join(err, m.close())
	}
	n.mounts.expect(m)
	_, err = n.change(ctx, &namespace.Mount{
		Path: c.Path, User: n.user(ctx), Spec: []byte(m.raw), ReadOnly: m.readOnly, Place: m.spec.Store,
	})
	if !n.mounts.arrived(m) {
		err = errors.Join(err, m.close())
	}
	return err
}

// openMount opens the store of a new mount and makes sure that its place exists.
func (n *Node) openMount(ctx context.Context, c MountConfig) (*mount, error) {
	m := &mount{path: c.Path, readOnly: c.ReadOnly, opts: &n.cfg.UFS, spec: mountSpec{URL: c.URL, Sync: c.Sync}, opened: &opened{}}
	store, owned := c.Store, false
	if store == nil {
		var err error
		if store, err = ufs.Open(ctx, c.URL, m.opts); err != nil {
			return nil, err
		}
		owned = true
	}
	m.spec.Store = store.ID()
	m.raw = string(m.spec.encode())
	m.set(store, owned)
	m.readOnly = c.ReadOnly || m.onlyReads()
	a, err := store.Stat(ctx, "")
	if err == nil && !a.Dir {
		err = ErrNotDir
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("under store %s: %w", m.spec.Store, err), m.close())
	}
	return m, nil
}

// openStores opens the stores of the mounts that the journal has. One that does not answer now is opened when it is needed:
// what is cached is served all the same.
func (n *Node) openStores(ctx context.Context) {
	for _, m := range n.mounts.all() {
		n.openOrSay(ctx, m)
	}
}

// mountAllConfigured makes the mounts of Config.Mounts. What drivers find invalid no sooner than they open, such as settings
// that the environment lacks, is told at once.
func (n *Node) mountAllConfigured(ctx context.Context) error {
	var invalid []error
	for _, c := range n.cfg.Mounts {
		err := n.mountConfigured(ctx, c)
		if err != nil && !errors.Is(err, ErrInvalid) {
			return errors.Join(append(invalid, err)...)
		}
		invalid = append(invalid, err)
	}
	return errors.Join(invalid...)
}

// mountConfigured makes a mount of Config.Mounts, unless an earlier run did, or another node.
func (n *Node) mountConfigured(ctx context.Context, c MountConfig) error {
	if m := n.mounts.at(c.Path); m != nil {
		return n.mountedAlready(ctx, m, c)
	}
	if dir := parentOf(c.Path); dir != "/" {
		if err := n.mkdir(ctx, dir, MkdirOptions{Parents: true}); err != nil && err != errThere {
			return pathError("mount", c.Path, err)
		}
	}
	err := n.mount(ctx, c)
	if m := n.mounts.at(c.Path); err != nil && m != nil { // another node was first
		return n.mountedAlready(ctx, m, c)
	}
	return pathError("mount", c.Path, err)
}

// mountedAlready holds what the Config says of a mount against what is mounted.
func (n *Node) mountedAlready(ctx context.Context, m *mount, c MountConfig) error {
	if c.Store != nil && c.Store.ID() == m.spec.Store || c.Store == nil && c.URL == m.spec.URL {
		return n.remount(ctx, m, c)
	}
	return fmt.Errorf("%w: Config.Mounts has %q at %s, where store %s is mounted since an earlier run or by another node; unmount that first", ErrExist, c.URL, c.Path, m.spec.Store)
}

// remount takes over what the Config says of a mount that an earlier run made. It is an entry of the journal, so that
// every node and the next run see the mount as it is now.
func (n *Node) remount(ctx context.Context, old *mount, c MountConfig) error {
	readOnly := c.ReadOnly || old.onlyReads()
	if old.readOnly == readOnly && old.spec.Sync == c.Sync {
		return nil
	}
	spec := old.spec
	spec.Sync = c.Sync
	_, err := n.change(ctx, &namespace.Remount{Path: old.path, User: n.user(ctx), Spec: spec.encode(), ReadOnly: readOnly})
	return pathError("mount", c.Path, err)
}

// Unmount forgets what is below a mount point, and its cached blocks. The store is left alone.
func (n *Node) Unmount(ctx context.Context, path string, o *UnmountOptions) error {
	return pathError("unmount", path, n.latest(ctx, func() error { return n.unmount(ctx, path, deref(o)) }))
}

func (n *Node) unmount(ctx context.Context, path string, o UnmountOptions) error {
	if err := n.ready(ctx); err != nil {
		return err
	}
	if err := checkPath(path); err != nil {
		return err
	}
	if err := n.mayMount(ctx); err != nil {
		return err
	}
	m, _ := n.mounts.find(path)
	if m == nil || m.path != path {
		return ErrNotMounted
	}
	if inner := n.mounts.below(path); len(inner) > 0 {
		return refuse(ErrInvalid, fmt.Sprintf("%s is mounted below it: Unmount that first", inner[0].path))
	}
	lost, err := n.onlyHere(ctx, path, o.Force)
	if err != nil {
		return err
	}
	if _, err := n.change(ctx, &namespace.Unmount{Path: path, User: n.user(ctx), Force: o.Force}); err != nil {
		return err
	}
	for i := range lost {
		n.lost(lost[i], "its mount was forced away")
	}
	if err := n.forgotten(ctx, true, nil); err != nil {
		return err
	}
	return m.close()
}

// onlyHere lists the complete files below path whose only copy a forced Unmount gives up.
func (n *Node) onlyHere(ctx context.Context, path string, force bool) (list []FileInfo, err error) {
	if !force {
		return nil, nil
	}
	err = n.eachFile(ctx, path, nil, func(path string, in *namespace.Inode) error {
		if in.Complete && in.Persist != Persisted {
			list = append(list, fileInfo(path, in))
		}
		return nil
	})
	return list, err
}

func (n *Node) unmountAll(ctx context.Context, list []*mount) error {
	for _, m := range list {
		if err := n.unmount(ctx, m.path, UnmountOptions{}); err != nil {
			return pathError("unmount", m.path, err)
		}
	}
	return nil
}

// Mounts lists the mounts, the deepest first.
func (n *Node) Mounts(ctx context.Context) ([]MountInfo, error) {
	if err := n.ready(ctx); err != nil {
		return nil, err
	}
	list := n.mounts.all()
	infos := make([]MountInfo, len(list))
	for i, m := range list {
		infos[i] = m.info()
	}
	return infos, nil
}

func (m *mount) info() MountInfo {
	i := MountInfo{Path: m.path, URL: m.spec.URL, Store: m.spec.Store, ReadOnly: m.readOnly, Sync: m.spec.Sync, Err: m.failure()}
	if s := m.store.Load(); s != nil {
		metrics := s.Metrics()
		i.Available, i.Metrics = true, &metrics
	}
	return i
}
