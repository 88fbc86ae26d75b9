package backups_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/internal/backups"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/fileufs"
	"github.com/millpond/millpond/ufs/memufs"
	"github.com/millpond/millpond/ufs/ufstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write the golden file again")

func place(t testing.TB, s *ufs.Store) *backups.Place {
	t.Helper()
	p, err := backups.Open(s, "b")
	require.NoError(t, err)
	return p
}

// content writes text, as of change index.
func content(index uint64, text string) func(io.Writer) (uint64, error) {
	return func(w io.Writer) (uint64, error) {
		_, err := io.WriteString(w, text)
		return index, err
	}
}

// save makes a backup and deletes old ones, which succeeds.
func save(t testing.TB, p *backups.Place, owner, text string) backups.Entry {
	t.Helper()
	e, err := p.Save(t.Context(), owner, content(uint64(len(text)), text))
	require.NoError(t, err)
	require.NoError(t, p.Prune(t.Context(), e))
	return e
}

// restore is what owner begins with, and why others were passed over.
func restore(t testing.TB, p *backups.Place, owner string) (text string, passed []error, err error) {
	t.Helper()
	_, err = p.Restore(t.Context(), owner, func(_ backups.Entry, r io.Reader) error {
		b, err := io.ReadAll(r)
		text = string(b)
		return err
	}, func(_ backups.Entry, err error) { passed = append(passed, err) })
	return text, passed, err
}

func restored(t testing.TB, p *backups.Place, owner string) string {
	t.Helper()
	text, passed, err := restore(t, p, owner)
	require.NoError(t, err)
	require.Empty(t, passed)
	return text
}

func keys(t testing.TB, s *ufs.Store) (list []string) {
	t.Helper()
	for a, err := range s.List(t.Context(), ufs.ListOptions{Prefix: "b"}) {
		require.NoError(t, err)
		list = append(list, a.Key)
	}
	return list
}

func stores(t testing.TB) map[string]*ufs.Store {
	d, err := fileufs.Open(t.TempDir(), nil)
	require.NoError(t, err)
	bucket := memufs.Bucket()
	return map[string]*ufs.Store{"memory": memufs.New(nil).UFS(), "bucket": memufs.New(&memufs.Options{Caps: &bucket}).UFS(), "directory": d}
}

func TestRoundTrip(t *testing.T) {
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			p := place(t, s)
			require.Equal(t, "", restored(t, p, "a"))
			for i := range 5 {
				e := save(t, p, "a", strings.Repeat("x", i))
				require.EqualValues(t, i, e.Backup.Index)
				require.EqualValues(t, i, e.Backup.Size)
				require.EqualValues(t, 1, e.Epoch)
			}
			require.Len(t, keys(t, s), 4, "two entries and their bytes")
			require.Equal(t, "xxxx", restored(t, p, "b"))
			require.Equal(t, "xxxx", restored(t, p, "b"), "again: it claims once")
			e := save(t, p, "b", "of b")
			require.EqualValues(t, 7, e.Epoch)
			require.EqualValues(t, 8, e.Number)
		})
	}
}

// TestFence: who claimed first adds nothing any more, whenever the other one claims.
func TestFence(t *testing.T) {
	for _, name := range []string{"before", "while it writes", "and writes", "and much more", "by hand"} {
		t.Run(name, func(t *testing.T) {
			s := memufs.New(nil).UFS()
			p := place(t, s)
			save(t, p, "a", "1")
			want := "1"
			claim := func() {
				switch name {
				case "by hand":
					require.NoError(t, p.TakeOver(t.Context(), "b"))
					return
				default:
					require.Equal(t, "1", restored(t, p, "b"))
				}
				switch name {
				case "and writes":
					want = "2 of b"
					save(t, p, "b", want)
				case "and much more": // so that the number that a is about to take has been deleted
					for i := range 10 {
						want = fmt.Sprint(i, " of b")
						save(t, p, "b", want)
					}
				}
			}
			if name == "before" {
				claim()
			}
			_, err := p.Save(t.Context(), "a", func(w io.Writer) (uint64, error) {
				if name != "before" {
					claim()
				}
				return content(9, "of a")(w)
			})
			require.ErrorIs(t, err, backups.ErrFenced)
			fenced, ok := errors.AsType[*backups.FencedError](err)
			require.True(t, ok)
			require.Equal(t, "b", fenced.Owner)
			require.ErrorContains(t, err, s.ID()+"/b")
			_, err = p.Save(t.Context(), "a", content(9, "of a"))
			require.ErrorIs(t, err, backups.ErrFenced)
			require.Equal(t, want, restored(t, p, "c"))
		})
	}
}

// TestManyBeginAtOnce: of those that begin with one backup at the same time the last to claim has the place, and nobody else writes.
func TestManyBeginAtOnce(t *testing.T) {
	for name, s := range stores(t) {
		p := place(t, s)
		save(t, p, "old", "text")
		var all sync.WaitGroup
		var mu sync.Mutex
		saved := map[string]bool{}
		for i := range 8 {
			all.Go(func() {
				owner := fmt.Sprint("new ", i)
				if got, _, err := restore(t, p, owner); err != nil || !strings.HasPrefix(got, "text") {
					t.Errorf("%s: %s: %q, %v", name, owner, got, err)
				}
			})
		}
		all.Wait()
		for i := range 8 {
			owner := fmt.Sprint("new ", i)
			all.Go(func() {
				_, err := p.Save(t.Context(), owner, content(5, "text of "+owner))
				mu.Lock()
				defer mu.Unlock()
				saved[owner] = err == nil
				if err != nil && !errors.Is(err, backups.ErrFenced) {
					t.Errorf("%s: %s: %v", name, owner, err)
				}
			})
		}
		all.Wait()
		n := 0
		for _, ok := range saved {
			if ok {
				n++
			}
		}
		require.Equal(t, 1, n, name)
	}
}

// TestPruneLeavesWhoWritesAlone: who held the place last deletes old backups while the next holder's bytes wait for their entry.
func TestPruneLeavesWhoWritesAlone(t *testing.T) {
	d := memufs.New(nil)
	p := place(t, d.UFS())
	save(t, p, "a", "1")
	e := save(t, p, "a", "2")
	require.Equal(t, "2", restored(t, p, "b"))
	pruned := false
	d.OnCall(func(op, key string) error {
		if op == "create" && strings.HasSuffix(key, ".json") && !pruned {
			pruned = true
			return p.Prune(t.Context(), e)
		}
		return nil
	})
	_, err := p.Save(t.Context(), "b", content(3, "of b"))
	require.NoError(t, err)
	d.OnCall(nil)
	require.True(t, pruned)
	require.Equal(t, "of b", restored(t, p, "c"))
}

// TestOvertaken: of two nodes of one owner that write at the same time one has made the backup, and the other's bytes go.
func TestOvertaken(t *testing.T) {
	s := memufs.New(nil).UFS()
	p := place(t, s)
	_, err := p.Save(t.Context(), "a", func(w io.Writer) (uint64, error) {
		save(t, p, "a", "first")
		return content(1, "second")(w)
	})
	require.ErrorIs(t, err, backups.ErrOvertaken)
	require.Equal(t, "first", restored(t, p, "b"))
	require.Len(t, keys(t, s), 4, "two claims, an entry and its bytes")
}

// change changes the bytes of a key.
func change(t testing.TB, s *ufs.Store, key string, f func([]byte) []byte) {
	t.Helper()
	body, _, err := s.Open(t.Context(), key, 0, -1, "")
	require.NoError(t, err)
	b, err := io.ReadAll(body)
	require.NoError(t, errors.Join(err, body.Close()))
	w, err := s.Create(t.Context(), key, ufs.CreateOptions{})
	require.NoError(t, err)
	_, err = w.Write(f(b))
	require.NoError(t, err)
	_, err = w.Commit(t.Context())
	require.NoError(t, err)
}

func TestDamagedIsPassedOver(t *testing.T) {
	damages := map[string]func([]byte) []byte{
		"flipped": func(b []byte) []byte { b = bytes.Clone(b); b[len(b)/2] ^= 1; return b },
		"cut":     func(b []byte) []byte { return b[:len(b)-1] },
		"empty":   func([]byte) []byte { return nil },
		"longer":  func(b []byte) []byte { return append(bytes.Clone(b), 'x') },
	}
	for name, damage := range damages {
		for _, suffix := range []string{".json", ".ckpt"} {
			s := memufs.New(nil).UFS()
			p := place(t, s)
			save(t, p, "a", "older")
			save(t, p, "a", "newer")
			all := keys(t, s) // in the order of their numbers
			var of []string
			for _, k := range all {
				if strings.HasSuffix(k, suffix) {
					of = append(of, k)
				}
			}
			change(t, s, of[len(of)-1], damage)
			text, passed, err := restore(t, p, "b")
			require.NoError(t, err, "%s %s", name, suffix)
			require.Equal(t, "older", text, "%s %s", name, suffix)
			require.Len(t, passed, 1)
			require.ErrorContains(t, passed[0], of[len(of)-1])
			save(t, p, "b", "goes on")
			require.Equal(t, "goes on", restored(t, p, "c"))
		}
	}
}

func TestNothingLeftToRestore(t *testing.T) {
	s := memufs.New(nil).UFS()
	p := place(t, s)
	save(t, p, "a", "older")
	save(t, p, "a", "newer")
	for _, k := range keys(t, s) {
		if strings.HasSuffix(k, ".ckpt") {
			require.NoError(t, s.Delete(t.Context(), k))
		}
	}
	_, passed, err := restore(t, p, "b")
	require.ErrorContains(t, err, "no backup in "+s.ID()+"/b is as it was written")
	require.Len(t, passed, 2)
	save(t, p, "a", "it is still a's")
}

// TestNotTaken: bytes that are as they were written, and are not taken all the same, are no damage: nothing older is taken for them.
func TestNotTaken(t *testing.T) {
	p := place(t, memufs.New(nil).UFS())
	save(t, p, "a", "older")
	save(t, p, "a", "of a later version")
	later := errors.New("written by a later version")
	_, err := p.Restore(t.Context(), "b", func(backups.Entry, io.Reader) error { return later }, func(backups.Entry, error) { t.Error("passed over") })
	require.ErrorIs(t, err, later)
	save(t, p, "a", "it is still a's")
}

// TestDamagedEntryStopsTheWriter: it cannot tell whose the place is; a person can.
func TestDamagedEntryStopsTheWriter(t *testing.T) {
	s := memufs.New(nil).UFS()
	p := place(t, s)
	e := save(t, p, "a", "text")
	change(t, s, fmt.Sprintf("b/%020d.json", e.Number), func([]byte) []byte { return []byte("{}") })
	_, err := p.Save(t.Context(), "a", content(1, ""))
	require.ErrorContains(t, err, "damaged")
	require.NoError(t, p.TakeOver(t.Context(), "a"))
	save(t, p, "a", "goes on")
	require.Equal(t, "goes on", restored(t, p, "b"))
}

// TestEachCallFails has each call of a store fail, before or after it was made, from there on once or for good: what was saved before is
// there, and if Save said nil so is what it saved.
func TestEachCallFails(t *testing.T) {
	tried := 0
	for _, how := range []string{"nth=%d fail=other", "nth=%d done fail=other", "nth=%d- fail=other", "nth=%d done fail=reset"} {
		for at := 1; ; at++ {
			d := memufs.New(nil)
			f, err := ufstest.NewFaulty(d, "")
			require.NoError(t, err)
			s, err := ufs.New(f, "faulty://s", &ufs.Options{Attempts: 1, DisableHedge: true})
			require.NoError(t, err)
			p := place(t, s)
			save(t, p, "a", "before")
			calls := len(f.Log())
			require.NoError(t, f.Play("* "+fmt.Sprintf(how, at)))
			e, err := p.Save(t.Context(), "a", content(2, "after"))
			if err == nil {
				err = p.Prune(t.Context(), e)
				e.ID = "saved"
			}
			ended := len(f.Log())-calls < at
			require.NoError(t, f.Play(""))
			sound := place(t, d.UFS())
			text, passed, rerr := restore(t, sound, "b")
			require.NoError(t, rerr, "%s %d", how, at)
			require.Empty(t, passed, "%s %d: no damage comes of it", how, at)
			if e.ID == "saved" {
				require.Equal(t, "after", text, "%s %d", how, at)
			}
			require.Contains(t, []string{"before", "after"}, text, "%s %d", how, at)
			save(t, sound, "b", "goes on")
			require.Equal(t, "goes on", restored(t, sound, "c"))
			save(t, sound, "c", "and on")
			require.LessOrEqual(t, len(keys(t, d.UFS())), 5, "%s %d: what was left behind has been deleted", how, at)
			if ended {
				require.NoError(t, err)
				break
			}
			tried++
		}
	}
	require.Greater(t, tried, 20)
}

// TestRestoreEachCallFails: a restore that fails can be made again, and begins with the same.
func TestRestoreEachCallFails(t *testing.T) {
	for _, how := range []string{"nth=%d fail=other", "nth=%d done fail=reset", "nth=%d- fail=other"} {
		for at := 1; ; at++ {
			d := memufs.New(nil)
			f, err := ufstest.NewFaulty(d, "")
			require.NoError(t, err)
			s, err := ufs.New(f, "faulty://s", &ufs.Options{Attempts: 1, DisableHedge: true})
			require.NoError(t, err)
			save(t, place(t, s), "a", "text")
			calls := len(f.Log())
			require.NoError(t, f.Play("* "+fmt.Sprintf(how, at)))
			text, passed, err := restore(t, place(t, s), "b")
			ended := len(f.Log())-calls < at
			require.Empty(t, passed, "%s %d: a store that fails is no damage", how, at)
			if err == nil {
				require.Equal(t, "text", text)
			}
			require.NoError(t, f.Play(""))
			require.Equal(t, "text", restored(t, place(t, s), "b"))
			save(t, place(t, s), "b", "mine")
			if ended {
				require.NoError(t, err)
				break
			}
		}
	}
}

func TestRefusedStores(t *testing.T) {
	caps := memufs.Directory()
	caps.IfAbsent = false
	_, err := backups.Open(memufs.New(&memufs.Options{Caps: &caps}).UFS(), "b")
	require.ErrorIs(t, err, ufs.ErrUnsupported)
	require.ErrorContains(t, err, "capability IfAbsent")
}

// TestStreams: neither way takes memory by the size of the backup.
func TestStreams(t *testing.T) {
	d, err := fileufs.Open(t.TempDir(), nil)
	require.NoError(t, err)
	p := place(t, d)
	piece := bytes.Repeat([]byte{7}, 1<<20)
	const pieces = 64
	before := allocated()
	e, err := p.Save(t.Context(), "a", func(w io.Writer) (uint64, error) {
		for range pieces {
			if _, err := w.Write(piece); err != nil {
				return 0, err
			}
		}
		return 1, nil
	})
	require.NoError(t, err)
	require.EqualValues(t, pieces<<20, e.Backup.Size)
	_, err = p.Restore(t.Context(), "b", func(_ backups.Entry, r io.Reader) error {
		n, err := io.Copy(io.Discard, r)
		require.EqualValues(t, pieces<<20, n)
		return err
	}, nil)
	require.NoError(t, err)
	require.Less(t, allocated()-before, uint64(8<<20))
}

// allocated is what was ever taken from the heap, in bytes.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func TestSaveThatIsLeft(t *testing.T) {
	s := memufs.New(nil).UFS()
	p := place(t, s)
	save(t, p, "a", "text")
	ctx, cancel := context.WithCancel(t.Context())
	_, err := p.Save(ctx, "a", func(w io.Writer) (uint64, error) {
		_, _ = io.WriteString(w, "half")
		cancel()
		return 0, ctx.Err()
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, keys(t, s), 3, "nothing of it is left")
}

func TestGolden(t *testing.T) {
	golden := filepath.Join("testdata", "entries.v1")
	got := backups.SampleEntries(t)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, got, 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "the format changed: raise it, and read the old one or name it")
}

func TestLaterFormat(t *testing.T) {
	err := backups.Decode(backups.SampleLater(t), 1)
	require.ErrorContains(t, err, "format 2; this build reads 1")
	require.NotErrorIs(t, err, backups.ErrDamaged, "it is not passed over")
}

func FuzzDecode(f *testing.F) {
	f.Add(backups.SampleEntries(f))
	f.Add(backups.SampleLater(f))
	f.Fuzz(func(t *testing.T, b []byte) { _ = backups.Decode(b, 1) })
}
