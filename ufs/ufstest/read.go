package ufstest

import (
	"io"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/stretchr/testify/require"
)

func readItems() []item {
	return []item{
		{5, "read_back_equal", readBack},
		{6, "read_of_empty_file", readEmpty},
		{7, "ranged_open", rangedOpen},
		{8, "whole_multi_block_read", wholeRead},
		{9, "whole_read_after_reopen", wholeReadReopened},
		{10, "seek", seeks},
		{52, "version_follows_content", versions},
		{53, "read_of_a_version_that_is_gone", versionGone},
		{54, "range_past_the_end", pastTheEnd},
	}
}

// pieces are offsets beside the edges of buffers, which is where ranges go wrong.
var pieces = []int64{0, 256, 511, 512, 513, 768, 1024, 1025}

func readBack(p *place) {
	p.put("file", []byte(testBytes))
	p.holds("file", []byte(testBytes))
	p.put("dir/many", manyBytes())
	p.holds("dir/many", manyBytes())
}

func readEmpty(p *place) {
	p.put("empty", nil)
	rc, a, err := p.s.Open(p.ctx, "empty", 0, -1, "")
	require.NoError(p, err)
	defer rc.Close()
	require.Zero(p, a.Size)
	n, err := rc.Read(make([]byte, 8))
	require.Zero(p, n)
	require.Equal(p, io.EOF, err)
	n, err = p.s.ReadAt(p.ctx, "empty", "", make([]byte, 8), 0)
	require.Zero(p, n)
	require.Equal(p, io.EOF, err)
}

func rangedOpen(p *place) {
	want := manyBytes()
	p.put("file", want)
	for _, off := range pieces {
		b, err := read(p.ctx, p.s, "file", off, -1, "")
		require.NoError(p, err, "from %d", off)
		same(p, want[off:], b, "to the end")
		b, err = read(p.ctx, p.s, "file", off, 200, "")
		require.NoError(p, err, "200 from %d", off)
		same(p, want[off:off+200], b, "a range")
	}
}

// blocks is content in which no two places look alike: an offset that is wrong shows.
func blocks(size int) []byte {
	b := make([]byte, size)
	x := uint32(1)
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x)
	}
	return b
}

// multiBlock is more than any buffer on the way, and no multiple of one.
const multiBlock = 1<<20 + 321

func wholeRead(p *place) {
	want := blocks(multiBlock)
	p.put("blocks", want)
	rc, a, err := p.s.Open(p.ctx, "blocks", 0, -1, "")
	require.NoError(p, err)
	defer rc.Close()
	require.EqualValues(p, len(want), a.Size)
	got, err := io.ReadAll(rc)
	require.NoError(p, err)
	same(p, want, got, "blocks")
}

func wholeReadReopened(p *place) {
	want := blocks(multiBlock)
	p.put("blocks", want)
	p.holds("blocks", want)
	p.holds("blocks", want)
	got, err := read(p.ctx, p.second(), "blocks", 0, int64(len(want)), "")
	require.NoError(p, err)
	same(p, want, got, "blocks by another handle")
}

func seeks(p *place) {
	want := manyBytes()
	p.put("file", want)
	a := p.stat("file")
	back := []int64{1025, 0, 513, 512, 1024, 256, 768, 511}
	for _, off := range append(back, pieces...) {
		b := make([]byte, 100)
		n, err := p.s.ReadAt(p.ctx, "file", a.Version, b, off)
		require.NoError(p, err, "at %d", off)
		same(p, want[off:off+100], b[:n], "file")
	}
}

func versions(p *place) {
	p.put("file", []byte("one"))
	v := p.stat("file").Version
	require.NotEmpty(p, v)
	p.everyVersion("file", v)
	p.needWrites()
	for _, content := range []string{"two", "six", "longer"} { // the first two of equal size, at once
		a, err := p.write(p.s, "file", []byte(content), ufs.CreateOptions{})
		require.NoError(p, err)
		require.NotEqual(p, v, a.Version, "the version of %q is that of what it replaced", content)
		v = a.Version
		p.everyVersion("file", v)
	}
	p.mkdir("dir")
	require.Empty(p, p.stat("dir").Version, "of a directory")
}

// everyVersion asserts that each way of asking answers the same version, or one that was it, and goes on doing so.
func (p *place) everyVersion(key, version string) {
	p.Helper()
	is := func(a ufs.Attr, how string) {
		p.Helper()
		require.True(p, a.Is(version), "%s: want version %q, got %q (was %q)", how, version, a.Version, a.Was)
	}
	is(p.stat(key), "by Stat")
	rc, a, err := p.s.Open(p.ctx, key, 0, -1, version)
	require.NoError(p, err)
	require.NoError(p, rc.Close())
	require.Equal(p, version, a.Version, "by Open")
	if !p.s.Caps().NoList {
		is(p.listed("", key), "by List")
	}
	a, err = p.second().Stat(p.ctx, key)
	require.NoError(p, err)
	is(a, "by another handle")
	is(p.stat(key), "asked once more")
}

func versionGone(p *place) {
	p.put("file", []byte("old bytes"))
	v := p.stat("file").Version
	b, err := read(p.ctx, p.s, "file", 0, -1, v)
	require.NoError(p, err)
	require.Equal(p, "old bytes", string(b))
	p.needWrites()
	_, err = p.write(p.second(), "file", []byte("new bytes"), ufs.CreateOptions{})
	require.NoError(p, err)
	_, err = read(p.ctx, p.s, "file", 0, -1, v)
	require.ErrorIs(p, err, driver.ErrChanged)
	_, err = p.s.ReadAt(p.ctx, "file", v, make([]byte, 3), 4)
	require.ErrorIs(p, err, driver.ErrChanged)
	require.NoError(p, p.s.Delete(p.ctx, "file"))
	_, err = read(p.ctx, p.s, "file", 0, -1, v)
	require.Error(p, err, "of a file that was deleted")
}

func pastTheEnd(p *place) {
	want := []byte(testBytes)
	p.put("file", want)
	size := int64(len(want))
	for _, r := range []struct{ off, n, want int64 }{{size, -1, 0}, {size, 1, 0}, {size + 1, -1, 0}, {1 << 40, 10, 0}, {5, 100, 4}, {0, 1 << 40, size}, {3, 0, 0}} {
		b, err := read(p.ctx, p.s, "file", r.off, r.n, "")
		require.NoError(p, err, "%d from %d", r.n, r.off)
		require.EqualValues(p, r.want, len(b), "bytes of %d from %d", r.n, r.off)
		same(p, want[min(r.off, size):min(r.off, size)+r.want], b, "file")
	}
	n, err := p.s.ReadAt(p.ctx, "file", "", make([]byte, 8), 5)
	require.Equal(p, 4, n)
	require.Equal(p, io.EOF, err)
}
