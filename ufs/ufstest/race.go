package ufstest

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/stretchr/testify/require"
)

func partItems() []item {
	return []item{{45, "empty_small_several_parts_aborted", parts}}
}

func raceItems() []item {
	return []item{
		{46, "overwrite_is_atomic_for_a_reader", overwriteAtomic},
		{47, "two_creators_one_wins_whole", twoCreators},
	}
}

func oddItems() []item { return []item{{50, "odd_names", oddNames}} }

func parts(p *place) {
	p.needWrites()
	for key, size := range map[string]int{"empty": 0, "small": 1000, "parts": 6 << 20} {
		p.put(key, blocks(size))
		p.holds(key, blocks(size))
	}
	w, err := p.s.Create(p.ctx, "aborted", ufs.CreateOptions{})
	require.NoError(p, err)
	_, err = io.Copy(w, bytes.NewReader(blocks(6<<20)))
	require.NoError(p, err)
	require.NoError(p, w.Abort(p.ctx))
	p.missing("aborted")
	p.clean()
}

func overwriteAtomic(p *place) {
	p.needWrites()
	p.need(p.s.Caps().AtomicReplace, "AtomicReplace")
	a, b := bytes.Repeat([]byte("a"), 64<<10), bytes.Repeat([]byte("b"), 50_000)
	p.put("file", a)
	var done atomic.Bool
	var wg sync.WaitGroup
	var wrong error
	wg.Go(func() {
		for last := false; !last && wrong == nil; {
			last = done.Load() // one read more after the last change
			got, err := read(p.ctx, p.s, "file", 0, -1, "")
			_, missed := p.s.Stat(p.ctx, "file")
			switch {
			case missed != nil:
				wrong = missed
			case errors.Is(err, driver.ErrChanged):
			case err != nil:
				wrong = err
			case !bytes.Equal(got, a) && !bytes.Equal(got, b):
				wrong = errors.New("a reader saw a mixture")
			}
		}
	})
	var failed error
	for i := range 10 {
		if _, err := p.write(p.s, "file", [][]byte{b, a}[i%2], ufs.CreateOptions{}); err != nil {
			failed = err
		}
	}
	done.Store(true)
	wg.Wait()
	require.NoError(p, failed)
	require.NoError(p, wrong)
}

func twoCreators(p *place) {
	p.needWrites()
	contents := make([][]byte, 4)
	var wins atomic.Int64
	p.each(len(contents), func(i int) error {
		contents[i] = bytes.Repeat([]byte{byte('0' + i)}, 10_000+i)
		_, err := p.write(p.s, "key", contents[i], ufs.CreateOptions{})
		return err
	})
	got := p.get("key")
	require.True(p, bytes.Equal(got, contents[0]) || bytes.Equal(got, contents[1]) || bytes.Equal(got, contents[2]) || bytes.Equal(got, contents[3]), "%d bytes that nobody wrote", len(got))
	if p.s.Caps().IfAbsent {
		p.each(8, func(i int) error {
			_, err := p.write(p.s, "first", contents[i%4], ufs.CreateOptions{IfAbsent: true})
			if err == nil {
				wins.Add(1)
			} else if !errors.Is(err, driver.ErrExist) {
				return err
			}
			return nil
		})
		require.EqualValues(p, 1, wins.Load(), "winners of conditional creates")
	}
	p.clean()
}

// oddities are names that some layer on the way takes for syntax.
var oddities = []string{
	"with space", " edge ", "100%", "%2F", "%41", "what?", "a#b", "a+b", `back\slash`, "ünï-日本-🦆", ".hidden", "a&b=c;d", `q"uo'te`, "[x]*{y}", "-dash", "~",
	strings.Repeat("n", 255),
}

func oddNames(p *place) {
	want := kinds{}
	for _, name := range oddities {
		want["dir/"+name] = false
	}
	p.put("dir/"+oddities[0], []byte(oddities[0]))
	p.each(len(oddities), func(i int) error { return p.put1("dir/"+oddities[i], []byte(oddities[i])) })
	for _, name := range oddities {
		p.holds("dir/"+name, []byte(name))
		p.isFile("dir/" + name)
	}
	if !p.s.Caps().NoList {
		require.Equal(p, want, p.list("dir"))
	}
	p.needWrites()
	for _, name := range oddities {
		p.put("below/"+name+"/file", []byte(name))
		p.isDir("below/" + name)
		require.NoError(p, p.s.Delete(p.ctx, "below/"+name+"/file"))
		p.missing("below/" + name + "/file")
	}
}
