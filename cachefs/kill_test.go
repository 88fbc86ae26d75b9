package cachefs_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/harness/signed"
	"github.com/millpond/millpond/internal/racetest"
	"github.com/millpond/millpond/tier"
	_ "github.com/millpond/millpond/ufs/fileufs"
)

const (
	killEnv     = "MILLPOND_KILL_TEST_DIR"
	killWorkers = 4
)

func killConfig(dir string) cachefs.Config {
	return cachefs.Config{
		Dir:       filepath.Join(dir, "node"),
		BlockSize: 64 << 10,
		Tiers:     []tier.Config{{Kind: tier.Memory, Size: 4 << 20}, {Kind: tier.SSD, Size: 256 << 20}},
		Mounts:    []cachefs.MountConfig{{Path: "/m", URL: "file://" + filepath.Join(dir, "store")}},
	}
}

// TestKill kills a real process in the middle of mixed work, again and again on one directory, and
// looks each time that everything it acknowledged is there.
func TestKill(t *testing.T) {
	if dir := os.Getenv(killEnv); dir != "" {
		killChild(dir)
		return
	}
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "store"), 0o700))
	want := make([]killState, killWorkers)
	for i := range want {
		want[i] = killState{}
	}
	rounds, acks := racetest.Fewer(32), 0
	for round := range rounds {
		log := runAndKill(t, dir, 5+rand.IntN(150))
		for w := range want {
			acks += want[w].replay(t, log, w)
		}
		verifyKilled(t, dir, round, want)
	}
	t.Logf("%d kills, %d acknowledged operations, all there", rounds, acks)
}

// runAndKill starts this test binary as the victim and kills it after so many acknowledgements.
func runAndKill(t *testing.T, dir string, acks int) []string {
	cmd := exec.Command(os.Args[0], "-test.run=^TestKill$")
	cmd.Env = append(os.Environ(), killEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	var errs strings.Builder
	cmd.Stderr = &errs
	require.NoError(t, cmd.Start())
	var log []string
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		log = append(log, lines.Text())
		if strings.HasPrefix(lines.Text(), "ack") {
			if acks--; acks == 0 {
				require.NoError(t, cmd.Process.Kill())
			}
		}
	}
	err = cmd.Wait()
	require.Error(t, err, "the victim ended by itself")
	require.LessOrEqual(t, acks, 0, "the victim ended by itself: %v\n%s\n%s", err, errs.String(), strings.Join(log, "\n"))
	return log
}

// killState is what one worker's directory must hold: name to seed and size.
type killState map[string]string

// apply does one line of the log: "put NAME SEED SIZE WT", "app NAME SEED SIZE WT", "rm NAME" or "mv FROM TO".
func (s killState) apply(words []string) {
	switch words[0] {
	case "put":
		s[words[1]] = words[2] + " " + words[3]
	case "app":
		s[words[1]] += ", " + words[2] + " " + words[3]
	case "rm":
		delete(s, words[1])
	case "mv":
		s[words[2]] = s[words[1]]
		delete(s, words[1])
	}
}

// replay applies what worker w had acknowledged; what it was doing when it died may have happened.
func (s killState) replay(t *testing.T, log []string, w int) (acks int) {
	var doing []string
	for _, line := range log {
		words := strings.Fields(line)
		if len(words) < 3 || words[1] != fmt.Sprint(w) {
			continue
		}
		switch words[0] {
		case "try":
			doing = words[2:]
		case "ack":
			require.Equal(t, doing, words[2:])
			s.apply(doing)
			doing = nil
			acks++
		}
	}
	delete(s, "?")
	if doing != nil {
		s["?"] = strings.Join(doing, " ")
	}
	return acks
}

// verifyKilled opens what the victim left and compares; an unfinished operation may have happened or not.
func verifyKilled(t *testing.T, dir string, round int, want []killState) {
	ctx := t.Context()
	n, err := cachefs.Open(ctx, killConfig(dir))
	require.NoError(t, err, "round %d", round)
	defer func() { require.NoError(t, n.Close()) }()
	for w := range want {
		got, err := readDirOf(ctx, n, w)
		require.NoError(t, err, "round %d, worker %d", round, w)
		doing := strings.Fields(want[w]["?"])
		delete(want[w], "?")
		if !maps.Equal(got, want[w]) && len(doing) > 0 {
			want[w].apply(doing)
		}
		require.Equal(t, map[string]string(want[w]), got, "round %d, worker %d, unfinished: %q", round, w, doing)
		require.NoError(t, storeAgrees(ctx, n, dir, w, got), "round %d, worker %d, unfinished: %q", round, w, doing)
	}
}

// storeAgrees compares the files of a worker's directory in the store itself: one that the namespace calls persisted has its
// bytes, and there is none that the namespace does not have.
func storeAgrees(ctx context.Context, n *cachefs.Node, dir string, w int, got map[string]string) error {
	names, err := os.ReadDir(filepath.Join(dir, "store", fmt.Sprintf("w%d", w)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range names {
		path := fmt.Sprintf("/m/w%d/%s", w, e.Name())
		if got[path] == "" && !strings.HasPrefix(e.Name(), ".millpond-tmp-") {
			return fmt.Errorf("%s is in the store alone", path)
		}
	}
	for path, what := range got {
		info, err := n.Stat(ctx, path, nil)
		if err != nil {
			return err
		}
		if info.Persist() != cachefs.Persisted {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, "store", strings.TrimPrefix(path, "/m/")))
		if err != nil {
			return err
		}
		has, err := signed.Identify(data)
		if err != nil {
			return err
		}
		if has != what {
			return fmt.Errorf("%s has %q in the store, %q in the namespace", path, has, what)
		}
	}
	return nil
}

// readDirOf reads all files of a worker and says which content each has.
func readDirOf(ctx context.Context, n *cachefs.Node, w int) (map[string]string, error) {
	got := map[string]string{}
	for _, top := range []string{"", "/m"} {
		dir := fmt.Sprintf("%s/w%d", top, w)
		for info, err := range n.List(ctx, dir, nil) {
			if errors.Is(err, fs.ErrNotExist) {
				break
			}
			if err != nil {
				return nil, err
			}
			f, err := n.Open(ctx, info.Path(), nil)
			if err != nil {
				return nil, err
			}
			data, err := io.ReadAll(f)
			f.Close()
			if err != nil {
				return nil, err
			}
			what, err := signed.Identify(data)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", info.Path(), err)
			}
			got[info.Path()] = what
		}
	}
	return got, nil
}

// killChild works until it is killed, a line before and after each operation.
func killChild(dir string) {
	ctx := context.Background()
	n, err := cachefs.Open(ctx, killConfig(dir))
	if err != nil {
		fmt.Fprintln(os.Stderr, "open:", err)
		os.Exit(3)
	}
	var mu sync.Mutex
	say := func(word string, w int, what string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf("%s %d %s\n", word, w, what)
	}
	var wg sync.WaitGroup
	for w := range killWorkers {
		wg.Go(func() {
			files, err := readDirOf(ctx, n, w)
			if err != nil {
				fmt.Fprintln(os.Stderr, "read:", err)
				os.Exit(3)
			}
			for {
				what := nextKillOp(files, w)
				say("try", w, what)
				if err := doKillOp(ctx, n, strings.Fields(what)); err != nil {
					fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
					os.Exit(3)
				}
				say("ack", w, what)
				killState(files).apply(strings.Fields(what))
			}
		})
	}
	wg.Wait()
}

func nextKillOp(files map[string]string, w int) string {
	name := func(top string) string { return fmt.Sprintf("%s/w%d/f%d", top, w, rand.IntN(12)) }
	tops := []string{"", "/m", "/m"}
	have := slices.Sorted(maps.Keys(files))
	if k := rand.IntN(10); len(have) > 0 && k < 4 {
		from := have[rand.IntN(len(have))]
		to := name(from[:strings.Index(from, "/w")])
		if k < 2 || files[to] != "" || to == from {
			return "rm " + from
		}
		return "mv " + from + " " + to
	}
	top, wt, verb, at := tops[rand.IntN(len(tops))], cachefs.MustCache, "put", ""
	if len(have) > 0 && rand.IntN(4) == 0 {
		verb, at = "app", have[rand.IntN(len(have))]
		top = at[:strings.Index(at, "/w")]
	} else {
		at = name(top)
	}
	if top != "" {
		wt = cachefs.WriteType(1 + rand.IntN(4))
	}
	return fmt.Sprintf("%s %s %d %d %d", verb, at, rand.Uint32(), rand.IntN(200_000), wt)
}

func doKillOp(ctx context.Context, n *cachefs.Node, words []string) error {
	switch words[0] {
	case "rm":
		return n.Remove(ctx, words[1], nil)
	case "mv":
		return n.Rename(ctx, words[1], words[2], nil)
	}
	var seed uint32
	var size, wt int
	if _, err := fmt.Sscan(strings.Join(words[2:], " "), &seed, &size, &wt); err != nil {
		return err
	}
	w, err := n.Create(ctx, words[1], &cachefs.CreateOptions{
		Overwrite: words[0] == "put", Append: words[0] == "app", Parents: true, WriteType: cachefs.WriteType(wt),
	})
	if err != nil {
		return err
	}
	if _, err := w.Write(signed.Bytes(seed, size)); err != nil {
		w.Abort()
		return err
	}
	return w.Close()
}
