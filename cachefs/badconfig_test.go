package cachefs_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/journal"
	"github.com/millpond/millpond/tier"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	_ "github.com/millpond/millpond/ufs/httpufs"
	"github.com/millpond/millpond/ufs/memufs"
)

// Each thing that can be wrong with a Config is refused with the field, the value and what would do.
func TestBadConfig(t *testing.T) {
	store := memufs.New(nil).UFS()
	dir := t.TempDir()
	mem := func(size int64) []tier.Config { return []tier.Config{{Size: size}} }
	for name, bad := range map[string]struct {
		cfg  cachefs.Config
		says []string
	}{
		"block size of 1":          {cachefs.Config{BlockSize: 1}, []string{"Config.BlockSize is 1", "a multiple of 64 KiB up to 1 GiB"}},
		"block size between":       {cachefs.Config{BlockSize: 100_000}, []string{"Config.BlockSize is 100000"}},
		"block size above":         {cachefs.Config{BlockSize: 2 << 30}, []string{"Config.BlockSize is 2147483648"}},
		"block size negative":      {cachefs.Config{BlockSize: -64 << 10}, []string{"Config.BlockSize is -65536"}},
		"fill workers":             {cachefs.Config{FillWorkers: -1}, []string{"Config.FillWorkers is -1", "0 (the default, 8) or more"}},
		"fill queue":               {cachefs.Config{FillQueue: -1}, []string{"Config.FillQueue is -1", "0 (the default, 256) or more"}},
		"persist workers":          {cachefs.Config{PersistWorkers: -1}, []string{"Config.PersistWorkers is -1", "0 (the default, 4) or more"}},
		"TTL interval":             {cachefs.Config{TTLInterval: -1}, []string{"Config.TTLInterval is -1ns", "0 (the default, 1s) or more"}},
		"close timeout":            {cachefs.Config{CloseTimeout: -1}, []string{"Config.CloseTimeout is -1ns", "30s"}},
		"persist delays":           {cachefs.Config{PersistMinDelay: time.Hour}, []string{"Config.PersistMaxDelay is 1m0s", "at least PersistMinDelay, 1h0m0s"}},
		"memory below a block":     {cachefs.Config{Tiers: mem(1 << 20)}, []string{"Config.Tiers: ", "Size is 1048576", "at least one block, 4194304 bytes"}},
		"memory above machine":     {cachefs.Config{Tiers: mem(1 << 60)}, []string{"Config.Tiers: ", "Size is 1152921504606846976", fmt.Sprintf("at most what the machine or its cgroup has, %d bytes", tier.MachineMemory())}},
		"disk below a block":       {cachefs.Config{Dir: dir, Tiers: []tier.Config{{Kind: tier.SSD, Size: 1 << 20}}}, []string{"Config.Tiers: ", "Size is 1048576", "at least 4194304 bytes for each of its directories"}},
		"disk quota below a block": {cachefs.Config{Tiers: []tier.Config{{Kind: tier.SSD, Dirs: []tier.Dir{{Path: dir, Quota: 1 << 20}}}}}, []string{"Config.Tiers: ", "Dirs.Quota is 1048576", "at least 4194304 bytes"}},
		"disk without a place":     {cachefs.Config{Tiers: []tier.Config{{Kind: tier.HDD, Size: 1 << 30}}}, []string{"Config.Tiers[0].Dirs is empty", "a Config.Dir that it can live in"}},
		"two tiers of a kind":      {cachefs.Config{Tiers: append(mem(64<<20), mem(64<<20)...)}, []string{"Config.Tiers: ", "one tier of a kind"}},
		"kind":                     {cachefs.Config{Tiers: []tier.Config{{Kind: 9, Size: 1 << 30, Dirs: []tier.Dir{{Path: dir}}}}}, []string{"Config.Tiers: ", "memory, ssd or hdd"}},
		"water":                    {cachefs.Config{Tiers: []tier.Config{{Size: 64 << 20, LowWater: 2}}}, []string{"Config.Tiers: ", "0 < LowWater <= HighWater <= 1"}},
		"journal":                  {cachefs.Config{Journal: journal.Config{SegmentSize: -1}}, []string{"Config.Journal: ", "SegmentSize is -1", "or up to 1 GiB"}},
		"journal level":            {cachefs.Config{Journal: journal.Config{Level: 1000}}, []string{"Config.Journal.Level is 1000", "at most 4, which is the default"}},
		"under store calls":        {cachefs.Config{UFS: ufs.Options{MaxCalls: -1}}, []string{"Config.UFS: ", "MaxCalls is -1", "0 (the default, 64) or more"}},
		"mount at the root":        {cachefs.Config{Mounts: []cachefs.MountConfig{{Path: "/", Store: store}}}, []string{`Config.Mounts[0].Path is "/"`, "below the root"}},
		"mount at a relative path": {cachefs.Config{Mounts: []cachefs.MountConfig{{Path: "a", Store: store}}}, []string{`Config.Mounts[0].Path is "a"`, `paths begin with "/"`}},
		"mount of nothing":         {cachefs.Config{Mounts: []cachefs.MountConfig{{Path: "/a"}}}, []string{"Config.Mounts[0].URL", "an opened one in Store"}},
		"unknown scheme":           {cachefs.Config{Mounts: []cachefs.MountConfig{{Path: "/a", URL: "s4://b"}}}, []string{"Config.Mounts[0].URL", `unknown scheme "s4" (have ` + strings.Join(ufs.Schemes(), ", ") + ")"}},
		"no scheme":                {cachefs.Config{Mounts: []cachefs.MountConfig{{Path: "/a", URL: dir}}}, []string{"Config.Mounts[0].URL", `unknown scheme ""`}},
		"sync":                     {cachefs.Config{Mounts: []cachefs.MountConfig{{Path: "/a", Store: store, Sync: -2}}}, []string{"Config.Mounts[0].Sync is -2ns", "SyncAlways"}},
		"two mounts at a path": {cachefs.Config{Mounts: []cachefs.MountConfig{{Path: "/a", Store: store}, {Path: "/a", URL: "mem://b"}}},
			[]string{`Config.Mounts[1].Path is "/a"`, "another than Mounts[0].Path"}},
		"two mounts of a place": {cachefs.Config{Mounts: []cachefs.MountConfig{{Path: "/a", URL: "file:///x/y"}, {Path: "/b", URL: "file:///x"}}},
			[]string{`Config.Mounts[1].URL is "file:///x"`, `a place apart from Mounts[0]'s, "file:///x/y"`}},
	} {
		t.Run(name, func(t *testing.T) {
			n, err := cachefs.Open(t.Context(), bad.cfg)
			require.ErrorIs(t, err, cachefs.ErrInvalid)
			require.Nil(t, n)
			for _, s := range bad.says {
				require.ErrorContains(t, err, s)
			}
		})
	}
	require.NoError(t, os.Remove(dir), "a Config that is refused makes nothing")
}

// All that is wrong is reported at once, whatever layer it is of.
func TestBadConfigReportedAtOnce(t *testing.T) {
	_, err := cachefs.Open(t.Context(), cachefs.Config{
		BlockSize: -1, FillQueue: -1, TTLInterval: -1, PersistMinDelay: time.Hour,
		Tiers:   []tier.Config{{Size: 1}, {Kind: tier.SSD, Size: 1 << 30}, {Kind: tier.HDD, Size: 1, Dirs: []tier.Dir{{}}}},
		Journal: journal.Config{SegmentSize: -1, CheckpointsKept: -1},
		UFS:     ufs.Options{Attempts: -1, BaseDelay: -1},
		Mounts:  []cachefs.MountConfig{{Path: "a"}, {Path: "/b", URL: "s4://b", Sync: -5}},
	})
	require.ErrorIs(t, err, cachefs.ErrInvalid)
	for _, s := range []string{
		"BlockSize", "FillQueue", "TTLInterval", "PersistMaxDelay", "memory tier: Size", "Tiers[1].Dirs", "hdd tier: Dirs.Path",
		"SegmentSize", "CheckpointsKept", "Attempts", "BaseDelay", "Mounts[0].Path", "Mounts[0].URL", "Mounts[1].URL", "Mounts[1].Sync",
	} {
		require.ErrorContains(t, err, s)
	}
}

// The sizes at the edges of what is good.
func TestGoodBlockSizes(t *testing.T) {
	for _, b := range []int64{0, 64 << 10, 192 << 10, 1 << 30} {
		n, err := cachefs.Open(t.Context(), cachefs.Config{BlockSize: b, Tiers: []tier.Config{{Size: 1 << 30}}})
		require.NoError(t, err, "block size %d", b)
		require.NoError(t, n.Close())
	}
}

// What only the drivers know of their URLs is told with the rest, before anything is made.
func TestURLsThatDriversRefuse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "node")
	_, err := cachefs.Open(t.Context(), cachefs.Config{
		Dir: dir, Tiers: []tier.Config{{Size: 1 << 20}}, Backup: &cachefs.BackupConfig{URL: "mem://backups?every=day"},
		Mounts: []cachefs.MountConfig{
			{Path: "/a", URL: "file://host/etc"}, {Path: "/b", URL: "mem://b"}, {Path: "/c", URL: "file:///etc?what=1"},
			{Path: "/d", URL: "mem://d/below"}, {Path: "/e", URL: "http://me:hunter2@h/?token=hunter2"},
		},
	})
	require.ErrorIs(t, err, cachefs.ErrInvalid)
	for _, says := range []string{
		"Config.Tiers: ", "Size is 1048576",
		`Config.Backup.URL: no under store at "mem://backups": invalid argument: unknown option "every"`,
		`Config.Mounts[0].URL: no under store at "file://host/etc": invalid argument: a host that is not this one; want file:///dir`,
		`Config.Mounts[2].URL: no under store at "file:///etc": invalid argument: unknown option "what"`,
		`Config.Mounts[3].URL: no under store at "mem://d/below": invalid argument: path "/below"; want mem://name`,
		`Config.Mounts[4].URL: no under store at "http://h/": invalid argument: a password before the host`, `option "token" looks like a secret`,
	} {
		require.ErrorContains(t, err, says)
	}
	require.NotContains(t, err.Error(), "Mounts[1]")
	require.NotContains(t, err.Error(), "hunter2")
	require.NoDirExists(t, dir)
}

// Mount says the same of a URL, of the mount that it would have been.
func TestMountOfAURLThatItsDriverRefuses(t *testing.T) {
	n, err := cachefs.Open(t.Context(), cachefs.Config{})
	require.NoError(t, err)
	defer n.Close()
	err = n.Mount(t.Context(), "/a", "mem://a?token=hunter2", nil)
	require.ErrorIs(t, err, cachefs.ErrInvalid)
	require.ErrorContains(t, err, `mount /a: no under store at "mem://a": invalid argument: option "token" looks like a secret`)
	require.NotContains(t, err.Error(), "hunter2")
}

// What a driver finds invalid no sooner than it opens its store is told of all mounts at once.
func TestStoresThatDriversRefuse(t *testing.T) {
	_, err := cachefs.Open(t.Context(), cachefs.Config{Mounts: []cachefs.MountConfig{
		{Path: "/a", URL: "no-account://a"}, {Path: "/b", URL: "mem://b"}, {Path: "/c", URL: "no-account://c"},
	}})
	require.ErrorIs(t, err, cachefs.ErrInvalid)
	for _, says := range []string{`mount /a: no under store at "no-account://a": `, `mount /c: no under store at "no-account://c": `, "name an account"} {
		require.ErrorContains(t, err, says)
	}
	require.NotContains(t, err.Error(), "mount /b")
}

func init() {
	ufs.Register("no-account", func(context.Context, *url.URL) (driver.Store, string, error) {
		return nil, "", fmt.Errorf("%w: name an account in the environment", driver.ErrInvalid)
	})
}

// A directory has one node: the second is told which process has it, and harms nothing.
func TestTwoNodesOnOneDirectory(t *testing.T) {
	disk := t.TempDir()
	for name, cfgs := range map[string][2]cachefs.Config{
		"Dir": {{Dir: t.TempDir()}, {}},
		"disk tier": {
			{Tiers: []tier.Config{{Kind: tier.SSD, Size: 8 << 20, Dirs: []tier.Dir{{Path: disk}}}}},
			{Tiers: []tier.Config{{Kind: tier.SSD, Size: 8 << 20, Dirs: []tier.Dir{{Path: disk}}}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if cfgs[1].Tiers == nil {
				cfgs[1] = cfgs[0]
			}
			n, err := cachefs.Open(t.Context(), cfgs[0])
			require.NoError(t, err)
			defer n.Close()
			w, err := n.Create(t.Context(), "/f", nil)
			require.NoError(t, err)
			_, err = w.Write([]byte("kept"))
			require.NoError(t, err)
			require.NoError(t, w.Close())
			_, err = cachefs.Open(t.Context(), cfgs[1])
			require.Error(t, err)
			require.ErrorContains(t, err, strconv.Itoa(os.Getpid()))
			require.ErrorContains(t, err, "another directory")
			require.Equal(t, "kept", string(readAll(t, n, "/f")))
		})
	}
}

// What runs already is not disturbed by a start whose context has ended, and nothing is left of that.
func TestOpenWithoutTime(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("the job is called off")
	cancel(enough)
	dir := filepath.Join(t.TempDir(), "job")
	n, err := cachefs.Open(ctx, cachefs.Config{Dir: dir, Mounts: []cachefs.MountConfig{{Path: "/a", URL: "mem://open-without-time"}}})
	require.EqualError(t, err, "cachefs: the context of Open ended before the node was up: context canceled: the job is called off")
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, enough)
	require.Nil(t, n)
	require.NoDirExists(t, dir)
}

// A context may end while the node comes up, here as the store of a mount is looked at.
func TestOpenRunsOutOfTime(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	store := memufs.New(nil)
	store.OnCall(func(string, string) error { cancel(); return ctx.Err() })
	n, err := cachefs.Open(ctx, cachefs.Config{Mounts: []cachefs.MountConfig{{Path: "/a", Store: store.UFS()}}})
	require.ErrorContains(t, err, "cachefs: the context of Open ended before the node was up: ")
	require.ErrorIs(t, err, context.Canceled)
	require.Nil(t, n)
}
