package cachefs_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/fileufs"
	"github.com/millpond/millpond/ufs/memufs"
)

// linked is a directory with one in it, and a link to it.
func linked(t *testing.T) (dir, link string) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	dir, link = filepath.Join(root, "dir"), filepath.Join(root, "link")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "in"), 0o700))
	require.NoError(t, os.Symlink(dir, link))
	return dir, link
}

func atURL(path, dir string) cachefs.MountConfig {
	return cachefs.MountConfig{Path: path, URL: "file://" + dir}
}

// A file has one name, also where the second would come by a link.
func TestMountsOfOneDirectory(t *testing.T) {
	dir, link := linked(t)
	store, err := fileufs.Open(dir, nil)
	require.NoError(t, err)
	defer store.Close()
	for name, c := range map[string]struct {
		first, second cachefs.MountConfig
		is, apart     string
	}{
		"a link":           {atURL("/a", dir), atURL("/b", link), `"file://` + link + `" (by a link: "` + dir + `")`, `"file://` + dir + `"`},
		"a link first":     {atURL("/a", link), atURL("/b", dir), `"file://` + dir + `"`, `"file://` + link + `" (by a link: "` + dir + `")`},
		"below a link":     {atURL("/a", dir), atURL("/b", link+"/in"), `"file://` + link + `/in" (by a link: "` + dir + `/in")`, `"file://` + dir + `"`},
		"not made yet":     {atURL("/a", dir), atURL("/b", link+"/x/y"), `"file://` + link + `/x/y" (by a link: "` + dir + `/x/y")`, `"file://` + dir + `"`},
		"above":            {atURL("/a", link+"/in"), atURL("/b", filepath.Dir(dir)), `"file://` + filepath.Dir(dir) + `"`, `"file://` + link + `/in" (by a link: "` + dir + `/in")`},
		"an opened store":  {cachefs.MountConfig{Path: "/a", Store: store}, atURL("/b", link), `"file://` + link + `" (by a link: "` + dir + `")`, `"file://` + dir + `"`},
		"spelled the same": {atURL("/a", dir), atURL("/b", dir), `"file://` + dir + `"`, `"file://` + dir + `"`},
		"spelled with ..":  {atURL("/a", dir), atURL("/b", dir+"/in/../in"), `"file://` + dir + `/in/../in"`, `"file://` + dir + `"`},
		"localhost":        {atURL("/a", dir), atURL("/b", "localhost"+dir), `"file://localhost` + dir + `"`, `"file://` + dir + `"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := cachefs.Open(t.Context(), cachefs.Config{BlockSize: 1, Mounts: []cachefs.MountConfig{c.first, c.second}})
			require.ErrorIs(t, err, cachefs.ErrInvalid)
			require.ErrorContains(t, err, "Config.Mounts[1].URL is "+c.is+"; want a place apart from Mounts[0]'s, "+c.apart)
			require.ErrorContains(t, err, "Config.BlockSize", "with all else that is wrong")
		})
	}
}

// What is beside, or is not there, overlaps nothing: a directory may be made between the check and the mount.
func TestMountsApart(t *testing.T) {
	dir, _ := linked(t)
	beside := filepath.Join(filepath.Dir(dir), "beside")
	require.NoError(t, os.Symlink(filepath.Join(filepath.Dir(dir), "nowhere"), beside))
	_, err := cachefs.Open(t.Context(), cachefs.Config{BlockSize: 1, Mounts: []cachefs.MountConfig{
		atURL("/a", dir), atURL("/b", dir+".old"), atURL("/c", dir+"/../missing/in"), atURL("/d", beside),
		{Path: "/e", Store: memufs.New(nil).UFS()},
	}})
	require.ErrorContains(t, err, "Config.BlockSize")
	require.NotContains(t, err.Error(), "Mounts")
}

// What names no place overlaps nothing: people are told what is wrong with it, and no more.
func TestMountsOfNoPlaceOverlapNothing(t *testing.T) {
	_, err := cachefs.Open(t.Context(), cachefs.Config{Mounts: []cachefs.MountConfig{
		{Path: "/a", URL: "/usr/share"}, {Path: "/b"}, {Path: "/c", URL: "/usr"}, {Path: "/d"},
	}})
	for _, bad := range []string{"Config.Mounts[0].URL", "Config.Mounts[1].URL", "Config.Mounts[2].URL", "Config.Mounts[3].URL"} {
		require.ErrorContains(t, err, bad)
	}
	require.NotContains(t, err.Error(), "a place apart")
}

// Which store it is may be said by the options of its URL: two servers may have a bucket of one name.
func TestMountsOfTwoStoresWithOneName(t *testing.T) {
	_, err := cachefs.Open(t.Context(), cachefs.Config{BlockSize: 1, Mounts: []cachefs.MountConfig{
		{Path: "/a", URL: "no-account://bucket?account=one"}, {Path: "/b", URL: "no-account://bucket?account=two"},
		{Path: "/c", URL: "no-account://bucket/x?account=one"},
		{Path: "/d", URL: "no-account://another/x@v"}, {Path: "/e", URL: "no-account://third/x@v"}, // shown without what is before the '@'
	}})
	require.ErrorContains(t, err, `Config.Mounts[2].URL is "no-account://bucket/x"; want a place apart from Mounts[0]'s, "no-account://bucket"`)
	for _, apart := range []string{"Mounts[1]", "Mounts[3]", "Mounts[4]"} {
		require.NotContains(t, err.Error(), apart)
	}
}

// Mount refuses the same while the first mount is open, and while it is not.
func TestMountByALink(t *testing.T) {
	dir, link := linked(t)
	cfg := cachefs.Config{Dir: t.TempDir()}
	n, err := cachefs.Open(t.Context(), cfg)
	require.NoError(t, err)
	require.NoError(t, n.Mount(t.Context(), "/a", "file://"+dir, nil))
	refused := func(n *cachefs.Node) {
		t.Helper()
		for _, by := range []string{link, link + "/in"} {
			err := n.Mount(t.Context(), "/b", "file://"+by, nil)
			require.ErrorIs(t, err, cachefs.ErrInvalid)
			real := strconv.Quote(dir + by[len(link):])
			require.ErrorContains(t, err, "file://"+by+" (by a link: "+real+") contains, or lies in, file://"+dir+", which is mounted at /a; mount a place apart from it")
		}
		require.NoError(t, n.Mount(t.Context(), "/b", "file://"+t.TempDir(), nil))
		require.NoError(t, n.Unmount(t.Context(), "/b", nil))
	}
	refused(n)
	require.NoError(t, n.Close())

	require.NoError(t, os.Rename(dir, dir+".away"))
	n, err = cachefs.Open(t.Context(), cfg)
	require.NoError(t, err)
	defer n.Close()
	require.NoError(t, os.Rename(dir+".away", dir))
	list, err := n.Mounts(t.Context())
	require.NoError(t, err)
	require.False(t, list[0].Available)
	refused(n)
}

// A store that is handed over opened lies where its driver says.
func TestMountOfAnOpenedStoreByALink(t *testing.T) {
	dir, link := linked(t)
	store, err := fileufs.Open(link, nil)
	require.NoError(t, err)
	defer store.Close()
	wrapped, err := ufs.New(localStore{memufs.New(nil), dir}, "wrapped", nil)
	require.NoError(t, err)
	defer wrapped.Close()
	n, err := cachefs.Open(t.Context(), cachefs.Config{Mounts: []cachefs.MountConfig{{Path: "/a", Store: wrapped}}})
	require.NoError(t, err)
	defer n.Close()
	err = n.Mount(t.Context(), "/b", "", &cachefs.MountOptions{Store: store})
	require.ErrorIs(t, err, cachefs.ErrInvalid)
	require.ErrorContains(t, err, "file://"+link+" (by a link: "+strconv.Quote(dir)+") contains, or lies in, wrapped")
}
