package cachefs_test

import (
	"context"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
)

// Who may do what, through the whole library: mode bits, access lists with their mask, inherited ones, root; the same
// below a mount.
func TestPermissions(t *testing.T) {
	c := cachefstest.New(t, 1, func(cfg *cachefs.Config) { cfg.Permissions = true })
	n := c.Node()
	as := func(name string, groups ...string) context.Context {
		return cachefs.WithUser(t.Context(), cachefs.User{Name: name, Groups: groups})
	}
	process, root := t.Context(), cachefs.WithUser(t.Context(), cachefs.User{Name: "root", Superuser: true})
	ann, bob, eve := as("ann", "staff"), as("bob", "staff"), as("eve")

	open := func(ctx context.Context, path string) error {
		f, err := n.Open(ctx, path, nil)
		if err == nil {
			_, err = f.ReadAt(make([]byte, 1), 0)
			f.Close()
		}
		return err
	}
	create := func(ctx context.Context, path string, o *cachefs.CreateOptions) error {
		w, err := n.Create(ctx, path, o)
		if err != nil {
			return err
		}
		_, err = w.Write([]byte("bytes"))
		require.NoError(t, err)
		return w.Close()
	}
	list := func(ctx context.Context, path string) (err error) {
		for _, err = range n.List(ctx, path, nil) {
			if err != nil {
				break
			}
		}
		return err
	}
	denied := func(err error) { t.Helper(); require.ErrorIs(t, err, fs.ErrPermission) }
	allowed := func(err error) { t.Helper(); require.NoError(t, err) }
	acl := func(e ...cachefs.ACLEntry) *cachefs.ACL { return &cachefs.ACL{Entries: e} }

	for _, base := range []string{"", "/mem"} {
		dir := base + "/home"
		allowed(n.Mkdir(process, dir, nil))
		denied(create(ann, dir+"/f", nil)) // 0755 of the process
		allowed(n.SetAttr(process, dir, &cachefs.AttrOptions{Owner: new("ann"), Group: new("staff"), Mode: new(fs.FileMode(0o750))}))
		allowed(create(ann, dir+"/f", &cachefs.CreateOptions{Mode: 0o640}))
		info, err := n.Stat(ann, dir+"/f", nil)
		allowed(err)
		require.Equal(t, "ann", info.Owner())
		require.Equal(t, "staff", info.Group())

		// Mode bits: the owner, the group, the others.
		allowed(open(ann, dir+"/f"))
		allowed(open(bob, dir+"/f"))
		denied(open(eve, dir+"/f")) // may not search the directory
		denied(second(n.Stat(eve, dir+"/f", nil)))
		denied(list(eve, dir))
		allowed(list(bob, dir))
		denied(create(bob, dir+"/g", nil))
		denied(create(bob, dir+"/f", &cachefs.CreateOptions{Overwrite: true}))
		denied(n.Remove(bob, dir+"/f", nil))
		denied(n.Rename(bob, dir+"/f", dir+"/g", nil))
		denied(n.Mkdir(bob, dir+"/d", nil))
		denied(n.SetAttr(bob, dir+"/f", &cachefs.AttrOptions{Mode: new(fs.FileMode(0o666))}))
		denied(n.SetAttr(ann, dir+"/f", &cachefs.AttrOptions{Owner: new("bob")})) // giving away is root's
		allowed(open(root, dir+"/f"))
		allowed(n.SetAttr(root, dir+"/f", &cachefs.AttrOptions{Owner: new("ann")}))

		// The read permission that is taken away is gone for cached bytes too.
		allowed(n.SetAttr(ann, dir+"/f", &cachefs.AttrOptions{Mode: new(fs.FileMode(0o600))}))
		denied(open(bob, dir+"/f"))

		// An access list lets one in, as far as its mask goes.
		user := cachefs.ACLEntry{Tag: cachefs.ACLUser, Name: "eve", Perm: 5}
		allowed(n.SetAttr(ann, dir, &cachefs.AttrOptions{ACL: acl(user)}))
		denied(open(eve, dir+"/f"))
		allowed(n.SetAttr(ann, dir+"/f", &cachefs.AttrOptions{ACL: acl(user)}))
		allowed(open(eve, dir+"/f"))
		require.Equal(t, user, mustStat(t, n, dir+"/f").ACL().Entries[0])
		allowed(n.SetAttr(ann, dir+"/f", &cachefs.AttrOptions{ACL: acl(user, cachefs.ACLEntry{Tag: cachefs.ACLMask, Perm: 1})}))
		denied(open(eve, dir+"/f"))
		allowed(n.SetAttr(ann, dir+"/f", &cachefs.AttrOptions{ACL: acl()}))
		require.Nil(t, mustStat(t, n, dir+"/f").ACL())

		// A default list is inherited by what is made later, through directories.
		group := cachefs.ACLEntry{Tag: cachefs.ACLGroup, Name: "guests", Perm: 5}
		guest := as("gus", "guests")
		allowed(n.SetAttr(ann, dir, &cachefs.AttrOptions{ACL: acl(user, group), DefaultACL: acl(group)}))
		allowed(n.Mkdir(ann, dir+"/sub", &cachefs.MkdirOptions{Mode: 0o750}))
		allowed(create(ann, dir+"/sub/f", &cachefs.CreateOptions{Mode: 0o640}))
		allowed(list(guest, dir+"/sub"))
		allowed(open(guest, dir+"/sub/f"))
		denied(open(eve, dir+"/sub/f"))
		denied(create(guest, dir+"/sub/g", nil))
		denied(open(guest, dir+"/f")) // older than the default

		// A directory of all, whose entries are their owners'.
		allowed(n.Mkdir(process, base+"/tmp", &cachefs.MkdirOptions{Mode: 0o777 | fs.ModeSticky}))
		allowed(create(ann, base+"/tmp/f", nil))
		denied(n.Remove(bob, base+"/tmp/f", nil))
		denied(n.Rename(bob, base+"/tmp/f", base+"/tmp/g", nil))
		allowed(n.Remove(ann, base+"/tmp/f", nil))

		// A tree goes only as far as its parts do, and what one may not read one neither frees nor sends away.
		allowed(n.Mkdir(process, base+"/all", nil))
		allowed(n.SetAttr(process, base+"/all", &cachefs.AttrOptions{Mode: new(fs.FileMode(0o777))}))
		allowed(n.Mkdir(ann, base+"/all/d", &cachefs.MkdirOptions{Mode: 0o755}))
		allowed(create(ann, base+"/all/d/f", &cachefs.CreateOptions{Mode: 0o600}))
		denied(n.Remove(bob, base+"/all/d", &cachefs.RemoveOptions{Recursive: true}))
		denied(n.Remove(eve, base+"/all/d", &cachefs.RemoveOptions{Recursive: true}))
		denied(n.Free(bob, base+"/all/d/f", nil))
		denied(n.Free(bob, base+"/all/d", &cachefs.FreeOptions{Recursive: true}))
		if base != "" {
			j, err := n.Persist(bob, base+"/all/d/f", nil)
			allowed(err)
			denied(j.Wait(process))
			allowed(n.Free(ann, base+"/all/d/f", nil))
		}
		allowed(open(ann, base+"/all/d/f"))
		allowed(n.Remove(ann, base+"/all/d", &cachefs.RemoveOptions{Recursive: true}))
	}
	// Files that the store brought are the process's.
	putStore(t, c, "found", []byte("x"))
	allowed(open(eve, "/mem/found"))
	denied(create(eve, "/mem/found", &cachefs.CreateOptions{Overwrite: true}))
	// Who reads what the process can read through a mount decides where that is: not who may write a directory.
	denied(n.Mount(eve, "/x", "mem://x", nil))
	denied(n.Mount(ann, "/home/x", "mem://x", nil))
	denied(n.Unmount(eve, "/mem", nil))
	allowed(n.Mount(root, "/home/x", "mem://x", nil))
	denied(n.Unmount(ann, "/home/x", nil))
	allowed(n.Unmount(root, "/home/x", nil))
}

func mustStat(t *testing.T, n *cachefs.Node, path string) *cachefs.Info {
	t.Helper()
	info, err := n.Stat(t.Context(), path, nil)
	require.NoError(t, err)
	return info
}
