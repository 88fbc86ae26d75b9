package namespace_test

import (
	"fmt"
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

// TestOneEntryHasToGrantAll of what is asked for: two groups do not add up.
func TestOneEntryHasToGrantAll(t *testing.T) {
	for want, list := range map[error][]namespace.ACLEntry{
		namespace.ErrPermission: {{Tag: 'g', Name: "dev", Perm: 2}, {Tag: 'g', Name: "ops", Perm: 5}},
		nil:                     {{Tag: 'g', Name: "dev", Perm: 2}, {Tag: 'g', Name: "ops", Perm: 3}},
	} {
		tree := namespace.New()
		require.NoError(t, do(t, tree, &namespace.Mkdir{Path: "/d", Owner: "ann", Mode: 0o707}, &namespace.SetAttr{Path: "/d", ACL: &namespace.ACL{Entries: list}}).Err)
		require.ErrorIs(t, do(t, tree, &namespace.Mkdir{Path: "/d/e", User: user("eve", "dev", "ops")}).Err, want)
	}
}

// TestMask goes by what setfacl, chmod and ls do: acl(5).
func TestMask(t *testing.T) {
	eve := namespace.ACLEntry{Tag: 'u', Name: "eve", Perm: 6}
	dev := namespace.ACLEntry{Tag: 'g', Name: "dev", Perm: 1}
	entry := func(tag, perm uint8) namespace.ACLEntry { return namespace.ACLEntry{Tag: tag, Perm: perm} }
	set := func(e ...namespace.ACLEntry) *namespace.ACL { return &namespace.ACL{Entries: e} }
	for name, c := range map[string]struct {
		do   []namespace.SetAttr // to a file of mode 0640
		mode int
		acl  *namespace.ACL
	}{
		"a mask that bounds nothing is made":  {[]namespace.SetAttr{{ACL: set(eve, dev)}}, 0o670, set(eve, dev, entry('o', 4), entry('m', 7))},
		"a mask that is given":                {[]namespace.SetAttr{{ACL: set(entry('m', 5), eve)}}, 0o650, set(eve, entry('o', 4), entry('m', 5))},
		"chmod sets the mask":                 {[]namespace.SetAttr{{ACL: set(eve)}, {Mode: fileMode(0o710)}}, 0o710, set(eve, entry('o', 4), entry('m', 1))},
		"without the list the group is back":  {[]namespace.SetAttr{{ACL: set(eve)}, {Mode: fileMode(0o777)}, {ACL: set()}}, 0o747, nil},
		"the owning group's bits are given":   {[]namespace.SetAttr{{ACL: set(eve, entry('o', 0))}}, 0o660, set(eve, entry('o', 0), entry('m', 6))},
		"and are no list by themselves":       {[]namespace.SetAttr{{ACL: set(entry('o', 1))}}, 0o610, nil},
		"another list keeps the group's bits": {[]namespace.SetAttr{{ACL: set(eve)}, {Mode: fileMode(0o600)}, {ACL: set(dev)}}, 0o650, set(dev, entry('o', 4), entry('m', 5))},
		"mode and list at once":               {[]namespace.SetAttr{{ACL: set(eve)}, {Mode: fileMode(0o620), ACL: set(dev)}}, 0o630, set(dev, entry('o', 2), entry('m', 3))},
		"chmod without a list":                {[]namespace.SetAttr{{Mode: fileMode(0o123)}}, 0o123, nil},
	} {
		t.Run(name, func(t *testing.T) {
			tree := namespace.New()
			file(t, tree, "/f")
			require.NoError(t, do(t, tree, &namespace.SetAttr{Path: "/f", Mode: fileMode(0o640)}).Err)
			for _, x := range c.do {
				x.Path = "/f"
				require.NoError(t, do(t, tree, &x).Err)
			}
			in, err := tree.Stat("/f", nil)
			require.NoError(t, err)
			require.Equal(t, fmt.Sprintf("%o", c.mode), fmt.Sprintf("%o", in.Mode))
			require.Equal(t, c.acl, in.ACL)
		})
	}
}

// TestDefaultList is inherited by files and directories, within the bits that they are made with.
func TestDefaultList(t *testing.T) {
	tree := namespace.New()
	eve := namespace.ACLEntry{Tag: 'u', Name: "eve", Perm: 7}
	require.NoError(t, do(t, tree, &namespace.Mkdir{Path: "/d", Owner: "ann", Mode: 0o750},
		&namespace.SetAttr{Path: "/d", DefaultACL: &namespace.ACL{Entries: []namespace.ACLEntry{eve}}},
		&namespace.CreateFile{Path: "/d/f", Owner: "ann", Mode: 0o640, BlockSize: 1}, &namespace.Mkdir{Path: "/d/e", Owner: "ann", Mode: 0o700}).Err)
	want := func(mask uint8) *namespace.ACL {
		return &namespace.ACL{Entries: []namespace.ACLEntry{eve, {Tag: 'o', Perm: 5}, {Tag: 'm', Perm: mask}}}
	}
	f, err := tree.Stat("/d/f", nil)
	require.NoError(t, err)
	require.EqualValues(t, 0o640, f.Mode)
	require.Equal(t, want(4), f.ACL)
	require.Nil(t, f.DefaultACL)
	require.True(t, namespace.MayRead(&f, user("eve")))
	e, err := tree.Stat("/d/e", nil)
	require.NoError(t, err)
	require.EqualValues(t, 0o700, e.Mode)
	require.Equal(t, want(0), e.ACL)
	require.Equal(t, want(7), e.DefaultACL, "goes on to what is made in there")
	require.False(t, namespace.MayRead(&e, user("eve")))
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
	require.NoError(t, set(namespace.SetAttr{User: user("eve"), Pin: new(true)}), "who may write")
	require.ErrorIs(t, set(namespace.SetAttr{User: user("eve"), ModTime: new(int64(1))}), namespace.ErrPermission)
	twice := &namespace.ACL{Entries: []namespace.ACLEntry{{Tag: 'm'}, {Tag: 'm', Perm: 1}}}
	require.ErrorIs(t, set(namespace.SetAttr{ACL: twice}), namespace.ErrInvalid)
	for _, e := range []namespace.ACLEntry{{Tag: 'x'}, {Tag: 'u'}, {Tag: 'm', Name: "n"}, {Tag: 'g', Name: "n", Perm: 8}, {Tag: 'o', Name: "n"}} {
		require.ErrorIs(t, set(namespace.SetAttr{ACL: &namespace.ACL{Entries: []namespace.ACLEntry{e}}}), namespace.ErrInvalid, "%v", e)
	}
}
