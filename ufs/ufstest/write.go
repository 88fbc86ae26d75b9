package ufstest

import (
	"bytes"
	"errors"
	"sync/atomic"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/stretchr/testify/require"
)

// testBytes is the fixture of 9 bytes; manyBytes repeats it to 1,530.
const testBytes = "TestBytes"

func manyBytes() []byte { return bytes.Repeat([]byte(testBytes), 170) }

func writeItems() []item {
	return []item{
		{1, "nothing_visible_before_Close", nothingBeforeClose},
		{2, "empty_file", emptyFile},
		{3, "missing_parent_refused", missingParent},
		{4, "parents_made", parentsMade},
		{14, "create_delete_create", createDeleteCreate},
		{34, "mkdir_one_level_and_four", mkdirLevels},
		{55, "conditional_create", conditionalCreate},
		{60, "conditional_replace", conditionalReplace},
	}
}

func nothingBeforeClose(p *place) {
	p.needWrites()
	w, err := p.s.Create(p.ctx, "file", ufs.CreateOptions{})
	require.NoError(p, err)
	_, err = w.Write([]byte(testBytes))
	require.NoError(p, err)
	p.missing("file")
	_, err = read(p.ctx, p.s, "file", 0, -1, "")
	require.ErrorIs(p, err, driver.ErrNotExist)
	if !p.s.Caps().NoList {
		require.Empty(p, p.list(""), "before Commit")
	}
	_, err = w.Commit(p.ctx)
	require.NoError(p, err)
	p.holds("file", []byte(testBytes))
	require.EqualValues(p, len(testBytes), p.stat("file").Size)
	if !p.s.Caps().NoList {
		require.Equal(p, files("file"), p.list(""), "after Commit")
	}
	p.clean()
}

func emptyFile(p *place) {
	p.put("empty", nil)
	p.isFile("empty")
	require.Zero(p, p.stat("empty").Size)
	require.Empty(p, p.get("empty"))
}

func missingParent(p *place) {
	p.needWrites()
	p.need(p.s.Caps().Directories, "Directories")
	_, err := p.write(p.s, "no/such/file", []byte(testBytes), ufs.CreateOptions{})
	require.ErrorIs(p, err, driver.ErrNotExist)
	p.missing("no")
	p.missing("no/such/file")
	require.ErrorIs(p, p.s.Mkdir(p.ctx, "no/such", false, 0o755), driver.ErrNotExist)
	p.clean()
}

func parentsMade(p *place) {
	p.needWrites()
	_, err := p.write(p.s, "a/b/c/file", []byte(testBytes), ufs.CreateOptions{Parents: true})
	require.NoError(p, err)
	p.holds("a/b/c/file", []byte(testBytes))
	for _, dir := range []string{"a", "a/b", "a/b/c"} {
		p.isDir(dir)
	}
	_, err = p.write(p.s, "a/b/other", nil, ufs.CreateOptions{Parents: true})
	require.NoError(p, err, "parents that exist")
}

func createDeleteCreate(p *place) {
	p.needWrites()
	for _, content := range []string{"first", "the second", "3rd"} {
		p.put("key", []byte(content))
		p.holds("key", []byte(content))
		require.NoError(p, p.s.Delete(p.ctx, "key"))
		p.missing("key")
	}
}

func mkdirLevels(p *place) {
	p.needWrites()
	require.NoError(p, p.s.Mkdir(p.ctx, "one", false, 0o755))
	p.isDir("one")
	p.mkdir("a/b/c/d")
	for _, dir := range []string{"a", "a/b", "a/b/c", "a/b/c/d"} {
		p.isDir(dir)
	}
	require.NoError(p, p.s.Mkdir(p.ctx, "a/b", true, 0o755), "with parents an existing directory will do")
	require.ErrorIs(p, p.s.Mkdir(p.ctx, "one", false, 0o755), driver.ErrExist)
	p.put("file", nil)
	require.Error(p, p.s.Mkdir(p.ctx, "file", true, 0o755), "a file is in the way")
	p.isFile("file")
}

func conditionalCreate(p *place) {
	p.needWrites()
	p.need(p.s.Caps().IfAbsent, "IfAbsent")
	o := ufs.CreateOptions{IfAbsent: true}
	_, err := p.write(p.s, "key", []byte("first"), o)
	require.NoError(p, err)
	_, err = p.write(p.s, "key", []byte("late"), o)
	require.ErrorIs(p, err, driver.ErrExist)
	_, err = p.write(p.second(), "key", []byte("late"), o)
	require.ErrorIs(p, err, driver.ErrExist, "from another handle")
	p.holds("key", []byte("first"))
	p.put("key", []byte("replaced"))
	p.holds("key", []byte("replaced"))
	p.clean()
}

// conditionalReplace replaces one version and no other, by uploads of one part and of several.
func conditionalReplace(p *place) {
	p.needWrites()
	p.need(p.s.Caps().ReplaceVersion, "ReplaceVersion")
	for key, size := range map[string]int{"small": 1000, "parts": 6 << 20} {
		first, second, late := blocks(size), blocks(size+1), []byte("late")
		p.put(key, late)
		v := p.stat(key).Version
		a, err := p.write(p.s, key, first, ufs.CreateOptions{IfVersion: v})
		require.NoError(p, err)
		_, err = p.write(p.second(), key, second, ufs.CreateOptions{IfVersion: a.Version})
		require.NoError(p, err, "of the version that Commit told, by another handle")
		for _, stale := range []string{v, a.Version} {
			_, err = p.write(p.s, key, first, ufs.CreateOptions{IfVersion: stale})
			require.ErrorIs(p, err, driver.ErrChanged)
			require.NotErrorIs(p, err, driver.ErrExist)
		}
		p.holds(key, second)
		p.replacedMeanwhile(key, first)

		v = p.stat(key).Version
		require.NoError(p, p.s.Delete(p.ctx, key))
		_, err = p.write(p.s, key, first, ufs.CreateOptions{IfVersion: v})
		require.ErrorIs(p, err, driver.ErrChanged, "it is gone")
		p.missing(key)
	}
	p.clean()
	p.replacedByOne("raced")
}

// replacedMeanwhile lets somebody else write between the bytes and their commit.
func (p *place) replacedMeanwhile(key string, data []byte) {
	p.Helper()
	w, err := p.s.Create(p.ctx, key, ufs.CreateOptions{IfVersion: p.stat(key).Version})
	require.NoError(p, err)
	_, err = w.Write(data)
	require.NoError(p, err)
	p.put(key, []byte("meanwhile"))
	_, err = w.Commit(p.ctx)
	require.ErrorIs(p, err, driver.ErrChanged)
	require.NoError(p, w.Abort(p.ctx))
	p.holds(key, []byte("meanwhile"))
}

// replacedByOne: of several that replace one version at the same time one does.
func (p *place) replacedByOne(key string) {
	p.Helper()
	p.put(key, nil)
	v := p.stat(key).Version
	var wins atomic.Int64
	p.each(8, func(i int) error {
		_, err := p.write(p.s, key, blocks(1000+i), ufs.CreateOptions{IfVersion: v})
		if err == nil {
			wins.Add(1)
		} else if !errors.Is(err, driver.ErrChanged) {
			return err
		}
		return nil
	})
	require.EqualValues(p, 1, wins.Load(), "winners")
}
