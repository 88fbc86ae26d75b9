package cachefs_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/memufs"
	"github.com/millpond/millpond/ufs/ufstest"
)

// brokenNode is a node over a store that goes wrong by a script, at /mem, and over a sound one at /sound.
func brokenNode(t *testing.T) (*cachefs.Node, *ufstest.Faulty, [2]*memufs.Store) {
	stores := [2]*memufs.Store{memufs.New(nil), memufs.New(nil)}
	faulty, err := ufstest.NewFaulty(ufstest.Driver(stores[0].UFS()), "")
	require.NoError(t, err)
	broken, err := ufs.New(faulty, stores[0].UFS().ID(), &ufs.Options{Attempts: 2, BaseDelay: 1, MaxDelay: 1, DisableBreaker: true, DisableHedge: true})
	require.NoError(t, err)
	c := cachefstest.New(t, 1, func(cfg *cachefs.Config) {
		cfg.BlockSize = 64 << 10
		cfg.Mounts = []cachefs.MountConfig{{Path: "/mem", Store: broken}, {Path: "/sound", Store: stores[1].UFS()}}
	})
	return c.Node(), faulty, stores
}

// waysToRead read a whole file; each returns what it got.
var waysToRead = map[string]func(f *cachefs.File) ([]byte, error){
	"Read": func(f *cachefs.File) ([]byte, error) { return io.ReadAll(struct{ io.Reader }{f}) },
	"WriteTo": func(f *cachefs.File) ([]byte, error) {
		var b bytes.Buffer
		_, err := f.WriteTo(&b)
		return b.Bytes(), err
	},
	"ReadAt": func(f *cachefs.File) ([]byte, error) {
		p := make([]byte, f.Size())
		n, err := f.ReadAt(p, 0)
		return p[:n], err
	},
	"View": func(f *cachefs.File) (all []byte, err error) {
		for off := int64(0); off < f.Size(); {
			v, err := f.View(off, 10_000)
			if err != nil {
				return all, err
			}
			all = append(all, v.Bytes()...)
			off += int64(len(v.Bytes()))
			v.Release()
		}
		return all, nil
	},
}

// A store that answers short or breaks off makes an error of every read, never short data; when it works again, so does the
// same open file.
func TestBrokenStoreIsAnError(t *testing.T) {
	data := content(1, 200_000)
	for _, script := range []string{"open short=1000", "open cut=1000", "open fail=permission", "open fail=reset", "open short=0"} {
		for way, read := range waysToRead {
			for name, rt := range map[string]cachefs.ReadType{"cached": cachefs.CachePromote, "NoCache": cachefs.NoCache} {
				t.Run(script+"/"+way+"/"+name, func(t *testing.T) {
					n, faulty, stores := brokenNode(t)
					require.NoError(t, putOutside(t.Context(), stores[0].UFS(), "f", data))
					f, err := n.Open(t.Context(), "/mem/f", &cachefs.OpenOptions{ReadType: rt})
					require.NoError(t, err)
					defer f.Close()
					require.NoError(t, faulty.Play(script))
					got, err := read(f)
					require.Error(t, err, "%d of %d bytes and no error", len(got), len(data))
					require.False(t, errors.Is(err, io.EOF), "%v is taken for the end", err)
					require.NoError(t, same(got, data[:len(got)], 0))
					require.NoError(t, faulty.Play(""))
					_, err = f.Seek(0, io.SeekStart)
					require.NoError(t, err)
					got, err = read(f)
					require.NoError(t, err)
					require.NoError(t, same(got, data, 0))
				})
			}
		}
	}
}

// A file that changes in its store under its reader is ErrChanged whichever way it is read, with no byte of the new version;
// the next Open has the new one whole.
func TestChangedStoreIsErrChanged(t *testing.T) {
	old, next := content(1, 200_000), content(2, 170_000)
	for way, read := range waysToRead {
		t.Run(way, func(t *testing.T) {
			n, _, stores := brokenNode(t)
			require.NoError(t, putOutside(t.Context(), stores[0].UFS(), "f", old))
			f, err := n.Open(t.Context(), "/mem/f", nil)
			require.NoError(t, err)
			defer f.Close()
			_, err = f.ReadAt(make([]byte, 100), 0) // the first block is here
			require.NoError(t, err)
			require.NoError(t, putOutside(t.Context(), stores[0].UFS(), "f", next))
			got, err := read(f)
			require.ErrorIs(t, err, cachefs.ErrChanged)
			require.ErrorContains(t, err, "; open the file again")
			require.NoError(t, same(got, old[:len(got)], 0))
			require.NoError(t, same(readAll(t, n, "/mem/f"), next, 0))
		})
	}
}

// A store that does not answer keeps neither the readers of another mount waiting nor those of what is cached, and who waits
// for it leaves with its context.
func TestStalledStoreStopsNobodyElse(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		n, faulty, stores := brokenNode(t)
		data := content(1, 200_000)
		for _, key := range []string{"cached", "cold", "unknown"} {
			require.NoError(t, putOutside(t.Context(), stores[0].UFS(), key, data))
			require.NoError(t, putOutside(t.Context(), stores[1].UFS(), key, data))
		}
		require.NoError(t, same(readAll(t, n, "/mem/cached"), data, 0))
		_, err := n.Stat(t.Context(), "/mem/cold", nil)
		require.NoError(t, err)
		require.NoError(t, faulty.Play("* stall"))

		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		waiting := make(chan error, 32)
		for range cap(waiting) / 2 {
			go func() {
				f, err := n.Open(ctx, "/mem/cold", nil)
				if err == nil {
					_, err = f.ReadAt(make([]byte, 100), 100_000)
				}
				waiting <- err
			}()
			go func() {
				_, err := n.Stat(ctx, "/mem/unknown", nil)
				waiting <- err
			}()
		}
		synctest.Wait()
		require.Empty(t, waiting, "answered by a store that stands")
		before := time.Now()
		require.NoError(t, same(readAll(t, n, "/mem/cached"), data, 0))
		require.NoError(t, same(readAll(t, n, "/sound/cold"), data, 0))
		require.NoError(t, writeFile(t.Context(), n, "/sound/new", data, cachefs.CreateOptions{}))
		require.Zero(t, time.Since(before), "waited for another mount")
		for range cap(waiting) {
			require.ErrorIs(t, <-waiting, context.DeadlineExceeded)
		}
		require.NoError(t, faulty.Play(""))
	})
}
