package ufstest

import (
	"bytes"
	"time"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/stretchr/testify/require"
)

func statItems() []item {
	return []item{
		{16, "exists_is_file_is_dir", existence},
		{17, "status_of_an_empty_directory", emptyDirStatus},
		{18, "status_of_an_implied_directory", impliedDirStatus},
		{19, "size_by_Stat", func(p *place) { p.sizes(func(key string) int64 { return p.stat(key).Size }) }},
		{20, "size_by_Open", func(p *place) { p.sizes(p.sizeByOpen) }},
		{21, "size_by_List", func(p *place) {
			p.needLists()
			p.sizes(func(key string) int64 { return p.listed("", key).Size })
		}},
		{22, "size_by_Commit", sizeByCommit},
		{23, "mtime_within_5s", mtime},
		{24, "status_of_a_missing_file", func(p *place) { p.put("file", nil); p.missing("fil"); p.missing("file1") }},
		{25, "status_of_a_missing_directory", func(p *place) { p.put("dir/file", nil); p.missing("di"); p.missing("dir1") }},
		{26, "status_of_a_missing_path", func(p *place) { p.put("file", nil); p.missing("no/such/path"); p.missing("file/below") }},
		{27, "is_file_is_false_for_a_directory", dirIsNoFile},
	}
}

func existence(p *place) {
	p.needWrites()
	p.missing("file")
	p.missing("dir")
	p.put("file", []byte(testBytes))
	p.mkdir("dir")
	p.isFile("file")
	p.isDir("dir")
	p.isDir("")
	require.NoError(p, p.s.Delete(p.ctx, "file"))
	require.NoError(p, p.s.Delete(p.ctx, "dir"))
	p.missing("file")
	p.missing("dir")
}

func emptyDirStatus(p *place) {
	p.needWrites()
	p.mkdir("dir")
	a := p.stat("dir")
	require.True(p, a.Dir)
	require.Empty(p, a.Version)
	require.Empty(p, a.Link)
}

func impliedDirStatus(p *place) {
	p.putRaw("a/b/file", []byte(testBytes))
	p.isDir("a")
	p.isDir("a/b")
	p.isFile("a/b/file")
}

func (p *place) sizes(ask func(key string) int64) {
	p.Helper()
	for key, data := range map[string][]byte{"empty": nil, "nine": []byte(testBytes), "many": manyBytes()} {
		p.put(key, data)
		require.EqualValues(p, len(data), ask(key), key)
	}
}

func (p *place) sizeByOpen(key string) int64 {
	rc, a, err := p.s.Open(p.ctx, key, 0, 1, "")
	require.NoError(p, err)
	require.NoError(p, rc.Close())
	return a.Size
}

func sizeByCommit(p *place) {
	p.needWrites()
	for key, data := range map[string][]byte{"empty": nil, "nine": []byte(testBytes), "many": manyBytes()} {
		a, err := p.write(p.s, key, data, ufs.CreateOptions{})
		require.NoError(p, err)
		require.EqualValues(p, len(data), a.Size, key)
		require.Equal(p, key, a.Key)
	}
}

func mtime(p *place) {
	before := time.Now()
	p.put("file", bytes.Repeat([]byte("x"), 100))
	require.WithinRange(p, p.stat("file").ModTime, before.Add(-5*time.Second), time.Now().Add(5*time.Second))
	if !p.s.Caps().NoList {
		require.WithinDuration(p, p.stat("file").ModTime, p.listed("", "file").ModTime, time.Second, "by List")
	}
}

func dirIsNoFile(p *place) {
	p.put("dir/file", []byte(testBytes))
	p.isDir("dir")
	_, err := read(p.ctx, p.s, "dir", 0, -1, "")
	require.Error(p, err, "a directory opens as a file")
	if p.s.Caps().Directories {
		require.ErrorIs(p, err, driver.ErrIsDir)
	}
}
