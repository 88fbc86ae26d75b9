package fileufs_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

// TestServerLocks: an upload of one host is locked against the sweep of another one's listing, however old it looks, until
// its host is gone.
func TestServerLocks(t *testing.T) {
	v := realVolume(t)
	place := v.place(t)
	v.mount(t, "doomed", atOnce()...)
	uploading, other := open(t, v.at("doomed", place)), open(t, v.at("first", place))
	w, err := uploading.Create(t.Context(), "f", ufs.CreateOptions{})
	require.NoError(t, err)
	_, err = w.Write([]byte("half"))
	require.NoError(t, err)
	temps, err := filepath.Glob(v.at("first", place) + "/.millpond-tmp-*")
	require.NoError(t, err)
	require.Len(t, temps, 1)
	old := time.Now().Add(-48 * time.Hour) // so old that it would go where there are no locks
	require.NoError(t, os.Chtimes(temps[0], old, old))
	listed := func() int {
		p, err := other.ListPage(t.Context(), ufs.ListOptions{})
		require.NoError(t, err)
		require.Empty(t, p.Entries)
		return leftovers(t, other)
	}
	require.Equal(t, 1, listed(), "its writer is alive")

	v.killMount(t, "doomed")
	require.Eventually(t, func() bool { return listed() == 0 }, 20*time.Second, 50*time.Millisecond, "its writer is gone")
	require.ErrorIs(t, w.Abort(t.Context()), driver.ErrUnavailable)
}

// TestServerRename: two hosts give one name to two things at the same time; one of them has it, and the other keeps its own.
func TestServerRename(t *testing.T) {
	for kind, make := range map[string]func(s *ufs.Store, key, content string){
		"files": func(s *ufs.Store, key, content string) { create(t, s, key, content, ufs.CreateOptions{}) },
		"directories": func(s *ufs.Store, key, content string) {
			create(t, s, key+"/f", content, ufs.CreateOptions{Parents: true})
		},
	} {
		t.Run(kind, func(t *testing.T) {
			v := realVolume(t)
			place := v.place(t)
			hosts := []*ufs.Store{open(t, v.at("first", place)), open(t, v.at("second", place))}
			for round := range 20 {
				to := fmt.Sprintf("to%d", round)
				errs := [2]error{}
				var wg sync.WaitGroup
				for i, s := range hosts {
					make(s, fmt.Sprintf("from%d-%d", round, i), fmt.Sprintf("host %d", i))
				}
				for i, s := range hosts {
					wg.Go(func() { _, errs[i] = s.Rename(t.Context(), fmt.Sprintf("from%d-%d", round, i), to, false) })
				}
				wg.Wait()
				won := 0
				if errs[0] != nil {
					won = 1
				}
				require.NoError(t, errs[won], "and the other: %v", errs[1-won])
				require.ErrorIs(t, errs[1-won], driver.ErrExist)
				content := func(key string) string {
					if kind == "directories" {
						key += "/f"
					}
					b, err := os.ReadFile(filepath.Join(v.at("first", place), key))
					require.NoError(t, err)
					return string(b)
				}
				require.Equal(t, fmt.Sprintf("host %d", won), content(to))
				require.Equal(t, fmt.Sprintf("host %d", 1-won), content(fmt.Sprintf("from%d-%d", round, 1-won)))
			}
		})
	}
}

// TestServerReplacedByAnotherHost: who reads a file while another host replaces it has one of the two or ErrChanged; it is
// always there. Gluster forgets a file that is open when it has no name any more.
func TestServerReplacedByAnotherHost(t *testing.T) {
	v := realVolume(t)
	place := v.place(t)
	writer, reader := open(t, v.at("first", place)), open(t, v.at("second", place))
	contents := [][]byte{bytes.Repeat([]byte("a"), 64<<10), bytes.Repeat([]byte("b"), 50_000)}
	create(t, writer, "f", string(contents[0]), ufs.CreateOptions{})
	var done atomic.Bool
	var wg sync.WaitGroup
	var wrong error
	wg.Go(func() {
		for !done.Load() && wrong == nil {
			if _, err := reader.Stat(t.Context(), "f"); err != nil {
				wrong = err
				return
			}
			got, err := readFile(t, reader, "f")
			switch {
			case errors.Is(err, driver.ErrChanged):
			case err != nil:
				wrong = err
			case !bytes.Equal(got, contents[0]) && !bytes.Equal(got, contents[1]):
				wrong = errors.New("a mixture")
			}
		}
	})
	for i := range 100 {
		create(t, writer, "f", string(contents[i%2]), ufs.CreateOptions{})
	}
	done.Store(true)
	wg.Wait()
	require.NoError(t, wrong)
}

// TestServerFsync: what Commit answered has been synced on the brick, the file and its names, and is there whatever becomes
// of the host.
func TestServerFsync(t *testing.T) {
	v := realVolume(t)
	place := v.place(t)
	v.mount(t, "doomed", atOnce()...)
	s := open(t, v.at("doomed", place))
	v.script(t, "profile", "start")
	t.Cleanup(func() { v.script(t, "profile", "stop") })
	synced := func(what string) int {
		m := regexp.MustCompile(`(\d+) +` + what + `\n`).FindStringSubmatch(v.script(t, "profile", "info", "cumulative"))
		if m == nil {
			return 0
		}
		n, err := strconv.Atoi(m[1])
		require.NoError(t, err)
		return n
	}
	want := map[string][]byte{}
	for i, size := range []int{1 << 10, 128 << 10, 900_000} {
		key := fmt.Sprintf("dir%d/f", i)
		want[key] = bytes.Repeat([]byte{byte(size >> 8)}, size)
		v.script(t, "profile", "info", "clear")
		create(t, s, key, string(want[key]), ufs.CreateOptions{Parents: true})
		require.Equal(t, 1, synced("FSYNC"), "the file")
		require.Equal(t, 2, synced("FSYNCDIR"), "the new directory and the one that it is in")
	}
	v.killMount(t, "doomed")
	for key, content := range want {
		b, err := os.ReadFile(filepath.Join(v.dir, "brick", place, key))
		require.NoError(t, err)
		require.True(t, bytes.Equal(content, b), "%s: %d bytes on the brick", key, len(b))
	}
}

// TestServerChangesOfAnotherHost: each change in place, at once and of the same length, is another version.
func TestServerChangesOfAnotherHost(t *testing.T) {
	v := realVolume(t)
	place := v.place(t)
	s := open(t, v.at("second", place))
	f, err := os.Create(filepath.Join(v.at("first", place), "f"))
	require.NoError(t, err)
	defer f.Close()
	seen := map[string]int{}
	for i := range 50 {
		_, err := f.WriteAt([]byte{byte(i)}, 0)
		require.NoError(t, err)
		require.NoError(t, f.Sync())
		ver := stat(t, s, "f").Version
		require.NotContains(t, seen, ver, "change %d looks like change %d", i, seen[ver])
		seen[ver] = i
	}
}

// TestServerUsualMount: with Gluster's usual options a mount knows for a second or two what it knew before, and never tells a
// mixture; then it has what another host wrote.
func TestServerUsualMount(t *testing.T) {
	v := realVolume(t)
	place := v.place(t)
	v.mount(t, "usual")
	writer, reader := open(t, v.at("first", place)), open(t, v.at("usual", place))
	versions := map[string]string{}
	versions[create(t, writer, "f", "before", ufs.CreateOptions{}).Version] = "before"
	require.Equal(t, "before", versions[stat(t, reader, "f").Version])
	versions[create(t, writer, "f", "behind", ufs.CreateOptions{}).Version] = "behind"
	require.Eventually(t, func() bool {
		b, err := readFile(t, reader, "f")
		if errors.Is(err, driver.ErrChanged) {
			return false
		}
		require.NoError(t, err)
		require.Contains(t, []string{"before", "behind"}, string(b))
		return string(b) == "behind" && versions[stat(t, reader, "f").Version] == "behind"
	}, 20*time.Second, 50*time.Millisecond)
}
