package ufstest

import (
	"path"
	"slices"

	"github.com/millpond/millpond/ufs/driver"
	"github.com/stretchr/testify/require"
)

func deleteItems() []item {
	return []item{
		{11, "deleted_file_is_gone", deletedFile},
		{12, "delete_directory_empty_full_recursive", deleteDirectory},
		{13, "recursive_delete_of_200_children", deleteMany},
		{15, "delete_directory_reports_true_effect", deleteEffect},
		{48, "delete_of_a_missing_path", deleteMissing},
	}
}

func deletedFile(p *place) {
	p.needWrites()
	p.put("file", []byte(testBytes))
	p.put("kept", []byte(testBytes))
	require.NoError(p, p.s.Delete(p.ctx, "file"))
	p.missing("file")
	_, err := read(p.ctx, p.s, "file", 0, -1, "")
	require.ErrorIs(p, err, driver.ErrNotExist)
	if !p.s.Caps().NoList {
		require.Equal(p, files("kept"), p.list(""))
	}
}

func deleteDirectory(p *place) {
	p.needWrites()
	p.mkdir("empty")
	require.NoError(p, p.s.Delete(p.ctx, "empty"))
	p.missing("empty")
	p.put("full/sub/file", []byte(testBytes))
	require.ErrorIs(p, p.s.Delete(p.ctx, "full"), driver.ErrNotEmpty)
	require.ErrorIs(p, p.s.Delete(p.ctx, "full/sub"), driver.ErrNotEmpty)
	p.holds("full/sub/file", []byte(testBytes))
	p.needLists()
	require.NoError(p, p.s.DeleteAll(p.ctx, "full"))
	for _, key := range []string{"full/sub/file", "full/sub", "full"} {
		p.missing(key)
	}
}

func deleteMany(p *place) {
	p.needWrites()
	p.needLists()
	keys := p.fill("dir", "child", 200)
	require.NoError(p, p.s.DeleteAll(p.ctx, "dir"))
	p.missing("dir")
	p.missing(keys[0])
	p.missing(keys[199])
	require.Empty(p, p.list(""))
}

func deleteEffect(p *place) {
	p.needWrites()
	p.needLists()
	near := []string{"dir-x/file", "dir.x/file", "dirx"} // share the name's beginning, and sort around its '/'
	for _, key := range append(slices.Clone(near), "dir/file", "dir/sub/file") {
		p.put(key, []byte(key))
	}
	require.NoError(p, p.s.DeleteAll(p.ctx, "dir"))
	p.missing("dir")
	require.ErrorIs(p, p.s.Delete(p.ctx, "dir"), driver.ErrNotExist, "it is gone: a second delete does nothing")
	for _, key := range near {
		p.holds(key, []byte(key))
		if parent := path.Dir(key); parent != "." {
			p.isDir(parent)
		}
	}
}

func deleteMissing(p *place) {
	p.needWrites()
	p.put("file", nil)
	for _, key := range []string{"no", "no/such/file", "file/below"} {
		require.ErrorIs(p, p.s.Delete(p.ctx, key), driver.ErrNotExist, key)
	}
	p.isFile("file")
}
