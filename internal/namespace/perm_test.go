package namespace_test

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/namespace"
)

func fileMode(m int) *fs.FileMode { return new(fs.FileMode(m)) }

func user(name string, groups ...string) *namespace.User {
	return &namespace.User{Name: name, Groups: groups}
}

// TestAccessLists goes by POSIX 1003.1e: owner, named user, all matching groups, others; a mask bounds the middle.
func TestAccessLists(t *testing.T) {
	for name, c := range map[string]struct {
		acl  []namespace.ACLEntry
		user *namespace.User
		may  bool // list the directory
	}{
		"owner by the mode":                   {nil, user("ann"), true},
		"owner whatever the list says":        {[]namespace.ACLEntry{{Tag: 'u', Name: "ann"}}, user("ann"), true},
		"others by the mode":                  {nil, user("eve"), false},
		"named user":                          {[]namespace.ACLEntry{{Tag: 'u', Name: "eve", Perm: 5}}, user("eve"), true},
		"named user, masked":                  {[]namespace.ACLEntry{{Tag: 'u', Name: "eve", Perm: 5}, {Tag: 'm', Perm: 1}}, user("eve"), false},
		"named user comes before her group":   {[]namespace.ACLEntry{{Tag: 'g', Name: "dev", Perm: 7}, {Tag: 'u', Name: "eve"}}, user("eve", "dev"), false},
		"any group will do":                   {[]namespace.ACLEntry{{Tag: 'g', Name: "dev"}, {Tag: 'g', Name: "ops", Perm: 5}}, user("eve", "dev", "ops"), true},
		"owning group, and a named one":       {[]namespace.ACLEntry{{Tag: 'g', Name: "ops", Perm: 5}}, user("eve", "staff", "ops"), true},
		"owning group, masked":                {[]namespace.ACLEntry{{Tag: 'm'}}, user("eve", "readers"), false},
		"a group that matches shuts out":      {[]namespace.ACLEntry{{Tag: 'g', Name: "dev"}}, user("eve", "dev"), false},
		"superuser":                           {nil, &namespace.User{Name: "root", Superuser: true}, true},
		"a mask does not bound what is other": {[]namespace.ACLEntry{{Tag: 'm'}}, user("ann"), true},
	} {
		t.Run(name, func(t *testing.T) {
			tree := namespace.New()
			require.NoError(t, do(t, tree,
				&namespace.Mkdir{Path: "/d", Owner: "ann", Group: "staff", Mode: 0o710},
				&namespace.SetAttr{Path: "/d", ACL: &namespace.ACL{Entries: c.acl}}).Err)
			_, _, err := tree.List("/d", c.user, "", 0, nil)
			require.Equal(t, c.may, err == nil, "%v", err)
		})
	}
}

func TestSticky(t *testing.T) {
	tree := namespace.New()
	require.NoError(t, do(t, tree, &namespace.Mkdir{Path: "/tmp", Mode: fs.ModeSticky | 0o777, Owner: "root"}).Err)
	for _, f := range []string{"/tmp/a", "/tmp/b", "/tmp/c"} {
		a := do(t, tree, &namespace.CreateFile{Path: f, Owner: "ann", Mode: 0o666, BlockSize: 1, User: user("ann")})
		require.NoError(t, a.Err)
		require.NoError(t, do(t, tree, &namespace.CompleteFile{Ino: a.Ino}).Err)
	}
	require.NoError(t, do(t, tree, &namespace.CreateFile{Path: "/tmp/e", Owner: "eve", BlockSize: 1, User: user("eve")}).Err)
	require.ErrorIs(t, do(t, tree, &namespace.Remove{Path: "/tmp/a", User: user("eve")}).Err, namespace.ErrPermission)
	require.ErrorIs(t, do(t, tree, &namespace.Rename{From: "/tmp/a", To: "/tmp/z", User: user("eve")}).Err, namespace.ErrPermission)
	require.ErrorIs(t, do(t, tree, &namespace.Rename{From: "/tmp/e", To: "/tmp/a", Overwrite: true, User: user("eve")}).Err, namespace.ErrPermission)
	require.NoError(t, do(t, tree, &namespace.Remove{Path: "/tmp/a", User: user("ann")}).Err)
	require.NoError(t, do(t, tree, &namespace.Remove{Path: "/tmp/b", User: user("root")}).Err, "the directory's owner")
}

func TestWhoMayChange(t *testing.T) {
	tree := namespace.New()
	require.NoError(t, do(t, tree, &namespace.Mkdir{Path: "/d", Owner: "ann", Group: "staff", Mode: 0o777}).Err)
	set := func(s namespace.SetAttr) error {
		s.Path = "/d"
		return do(t, tree, &s).Err
	}
	require.ErrorIs(t, set(namespace.SetAttr{User: user("eve"), Mode: new(fs.FileMode(0o700))}), namespace.ErrPermission)
	require.ErrorIs(t, set(namespace.SetAttr{User: user("ann"), Owner: new("eve")}), namespace.ErrPermission)
	require.ErrorIs(t, set(namespace.SetAttr{User: user("ann"), Group: new("ops")}), namespace.ErrPermission, "not in that group")
	require.NoError(t, set(namespace.SetAttr{User: user("ann", "ops"), Group: new("ops")}))
	require.ErrorIs(t, set(namespace.SetAttr{User: user("eve", "ops"), Group: new("ops")}), namespace.ErrPermission)
	for _, e := range []namespace.ACLEntry{{Tag: 'x'}, {Tag: 'u'}, {Tag: 'm', Name: "n"}, {Tag: 'g', Name: "n", Perm: 8}} {
		require.ErrorIs(t, set(namespace.SetAttr{ACL: &namespace.ACL{Entries: []namespace.ACLEntry{e}}}), namespace.ErrInvalid, "%v", e)
	}
}
