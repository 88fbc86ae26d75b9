package ufstest

import (
	"errors"
	"strings"

	"github.com/millpond/millpond/ufs/driver"
	"github.com/stretchr/testify/require"
)

func renameItems() []item {
	return []item{
		{39, "rename_file", renameFile},
		{40, "rename_file_content_equal", renameContent},
		{41, "rename_directory", renameDir},
		{42, "rename_directory_deep", renameDeep},
		{43, "rename_directory_deep_with_content", renameDeepContent},
		{44, "rename_of_200_children", renameMany},
		{49, "rename_onto_existing_and_of_missing", renameOnto},
	}
}

// move renames. Where the capability is missing and the store says so, the item is skipped; a rename that is composed
// of other calls counts.
func (p *place) move(from, to string, has bool, capability string) {
	p.Helper()
	_, err := p.s.Rename(p.ctx, from, to, false)
	if !has && errors.Is(err, driver.ErrUnsupported) {
		p.Skip("Caps." + capability)
	}
	require.NoError(p, err, "rename %q to %q", from, to)
}

func (p *place) moveFile(from, to string) { p.Helper(); p.move(from, to, p.s.Caps().Rename, "Rename") }
func (p *place) moveDir(from, to string) {
	p.Helper()
	p.move(from, to, p.s.Caps().RenameDir, "RenameDir")
}

func renameFile(p *place) {
	p.needWrites()
	p.put("from", []byte(testBytes))
	p.moveFile("from", "to")
	p.missing("from")
	p.isFile("to")
}

func renameContent(p *place) {
	p.needWrites()
	want := blocks(100_000)
	p.put("from", want)
	p.put("dir/other", nil)
	p.moveFile("from", "dir/to")
	p.holds("dir/to", want)
	p.missing("from")
}

func renameDir(p *place) {
	p.needWrites()
	p.mkdir("from")
	p.moveDir("from", "to")
	p.missing("from")
	p.isDir("to")
}

func renameDeep(p *place) {
	p.needWrites()
	p.mkdir("from/a/b/c")
	p.mkdir("dir")
	p.moveDir("from", "dir/to")
	p.missing("from/a/b/c")
	p.missing("from")
	p.isDir("dir/to/a/b/c")
}

func renameDeepContent(p *place) {
	p.needWrites()
	p.put("from/one", []byte("1"))
	p.put("from/a/b/two", manyBytes())
	p.put("from-near", []byte("3"))
	p.moveDir("from", "to")
	p.holds("to/one", []byte("1"))
	p.holds("to/a/b/two", manyBytes())
	p.holds("from-near", []byte("3"))
	p.missing("from/a/b/two")
}

func renameMany(p *place) {
	p.needWrites()
	p.needLists()
	keys := p.fill("from", "child", 200)
	p.moveDir("from", "to")
	want := kinds{}
	for _, key := range keys {
		want["to/"+strings.TrimPrefix(key, "from/")] = false
	}
	require.Equal(p, want, p.list("to"))
	p.missing("from")
	p.holds("to/child0123", []byte("from/child0123"))
}

func renameOnto(p *place) {
	p.needWrites()
	p.put("probe", nil)
	p.moveFile("probe", "probed")
	p.put("a", []byte("a"))
	p.put("b", []byte("b"))
	_, err := p.s.Rename(p.ctx, "a", "b", false)
	require.ErrorIs(p, err, driver.ErrExist)
	p.holds("a", []byte("a"))
	p.holds("b", []byte("b"))
	_, err = p.s.Rename(p.ctx, "a", "b", true)
	require.NoError(p, err, "with overwrite")
	p.holds("b", []byte("a"))
	p.missing("a")
	_, err = p.s.Rename(p.ctx, "missing", "c", false)
	require.ErrorIs(p, err, driver.ErrNotExist)
	_, err = p.s.Rename(p.ctx, "missing", "b", true)
	require.ErrorIs(p, err, driver.ErrNotExist)
	p.missing("c")
	p.holds("b", []byte("a"))
}
