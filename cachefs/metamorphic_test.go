package cachefs_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/racetest"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier"
	"github.com/millpond/millpond/ufs"
)

var (
	metaSeeds     = flag.Int("metamorphic.seeds", racetest.Fewer(25), "seeds for each Config of the metamorphic run, about: more where they cost little")
	metaFirst     = flag.Uint64("metamorphic.first", 1, "first seed of the metamorphic run")
	metaOps       = flag.Int("metamorphic.ops", 500, "operations of each seed of the metamorphic run")
	metaFor       = flag.Duration("metamorphic.for", 0, "how long the metamorphic run over several nodes goes on, with new seeds")
	metaNodeSeeds = flag.Int("metamorphic.nodeseeds", racetest.Fewer(200), "seeds of the metamorphic run over several nodes, all its Configs together")
	metaFile      = flag.String("metamorphic.replay", "", "file with the operations of a failed run, as it printed them")
)

// metaConfig is one way to set a node up; what the calls answer must not depend on it.
type metaConfig struct {
	name     string
	block    int64
	memory   int64 // bytes; 0 no memory tier
	ssd      int64
	hdd      int64
	dirs     int // directories of the SSD tier
	tiny     bool
	volatile bool // no Dir: nothing survives the process
	durable  bool // what is acknowledged survives the process
	client   bool // a Client asks the node
	nodes    int  // 0: one, without a mesh
	copies   int  // of what is in no store
	sync     time.Duration
	share    int // over one node, seeds in percent of -metamorphic.seeds; over several, of 100 seeds: less of what costs more
}

const metaBlock = 64 << 10

const shrinkFor = 2 * time.Minute

func metaConfigs() []metaConfig {
	const kb, mb = 1 << 10, 1 << 20
	return []metaConfig{
		{name: "memory, no disk", share: 160, block: metaBlock, memory: 32 * mb, volatile: true},
		{name: "memory, journal on disk", share: 100, block: metaBlock, memory: 32 * mb},
		{name: "tiny memory", share: 160, block: metaBlock, memory: 1 * mb, tiny: true, volatile: true},
		{name: "ssd alone", share: 120, block: metaBlock, ssd: 256 * mb, dirs: 1, durable: true},
		{name: "hdd alone", share: 80, block: metaBlock, hdd: 256 * mb, durable: true},
		{name: "memory over ssd", share: 100, block: metaBlock, memory: 16 * mb, ssd: 256 * mb, dirs: 1, durable: true},
		{name: "tiny memory over ssd", share: 100, block: metaBlock, memory: 256 * kb, ssd: 256 * mb, dirs: 1, durable: true},
		{name: "memory, ssd, hdd", share: 108, block: metaBlock, memory: 4 * mb, ssd: 8 * mb, hdd: 256 * mb, dirs: 1, durable: true},
		{name: "several directories", share: 80, block: metaBlock, memory: 2 * mb, ssd: 256 * mb, dirs: 3, durable: true},
		{name: "tiny everything", share: 80, block: metaBlock, memory: 512 * kb, ssd: 2 * mb, dirs: 1, tiny: true, durable: true},
		{name: "large blocks", block: 1 * mb, memory: 16 * mb, ssd: 256 * mb, dirs: 1, durable: true, share: 32},
		{name: "by way of a client", block: metaBlock, memory: 1 * mb, ssd: 256 * mb, dirs: 1, durable: true, client: true, share: 32},
		{name: "blocks of 128 KiB", share: 60, block: 2 * metaBlock, memory: 1 * mb, ssd: 256 * mb, dirs: 2, durable: true},
	}
}

func (c metaConfig) config(disk *vfs.Mem, store *ufs.Store) cachefs.Config {
	cfg := cachefs.Config{
		FS:        disk,
		BlockSize: c.block,
		Mounts:    []cachefs.MountConfig{{Path: "/m", Store: store}},
	}
	if !c.volatile {
		cfg.Dir = "/node"
	}
	add := func(kind tier.Kind, size int64, dirs int) {
		if size == 0 {
			return
		}
		t := tier.Config{Kind: kind, Size: size}
		for i := range dirs {
			t.Dirs = append(t.Dirs, tier.Dir{Path: fmt.Sprintf("/disk/%v%d", kind, i), Quota: size / int64(dirs)})
		}
		cfg.Tiers = append(cfg.Tiers, t)
	}
	add(tier.Memory, c.memory, 0)
	add(tier.SSD, c.ssd, c.dirs)
	add(tier.HDD, c.hdd, 1)
	return cfg
}

// TestMetamorphic runs random operations on a node and on a model, under many Configs. A list that
// fails is shrunk and printed; -metamorphic.replay runs it again.
func TestMetamorphic(t *testing.T) {
	for _, cfg := range metaConfigs() {
		t.Run(strings.ReplaceAll(cfg.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			run := func(seed uint64, ops []op, trace func(string)) error { return run(cfg, seed, ops, trace) }
			if *metaFile != "" {
				replay(t, run)
				return
			}
			seeds := (*metaSeeds*cfg.share + 99) / 100
			for i := range seeds {
				seed := *metaFirst + uint64(i)
				ops := generate(seed, *metaOps, int(cfg.block), weights)
				if err := run(seed, ops, func(string) {}); err != nil {
					short, err := shrink(run, seed, ops, err)
					t.Fatalf("Config %q, seed %d: %v\nthe shortest list that fails (save it, then -metamorphic.replay FILE):\n%s", cfg.name, seed, err, lines(short))
				}
			}
			t.Logf("Config %q: %d seeds from %d, %d operations each", cfg.name, seeds, *metaFirst, *metaOps)
		})
	}
}

// runs is how a list of operations is run: over one node or several.
type runs func(seed uint64, ops []op, trace func(string)) error

func replay(t *testing.T, run runs) {
	text, err := os.ReadFile(*metaFile)
	require.NoError(t, err)
	var ops []op
	for line := range strings.Lines(string(text)) {
		if strings.TrimSpace(line) != "" {
			o, err := parseOp(line)
			require.NoError(t, err)
			ops = append(ops, o)
		}
	}
	require.NoError(t, run(*metaFirst, ops, func(s string) { t.Log(s) }))
}

// shrink drops operations, in halves and then smaller, as long as the list still fails. What it has when the time is up it
// returns: a run that hangs takes minutes, and 400 of them more than the tests have.
func shrink(run runs, seed uint64, ops []op, err error) ([]op, error) {
	tries, began := 0, time.Now()
	more := func() bool { return tries < 400 && time.Since(began) < shrinkFor }
	for size := len(ops) / 2; size > 0 && more(); size /= 2 {
		for at := 0; at+size <= len(ops) && more(); {
			less := append(append([]op{}, ops[:at]...), ops[at+size:]...)
			tries++
			if e := run(seed, less, func(string) {}); e != nil {
				ops, err = less, e
			} else {
				at += size
			}
		}
	}
	return ops, err
}

func lines(ops []op) string {
	var b strings.Builder
	for _, o := range ops {
		fmt.Fprintln(&b, o)
	}
	return b.String()
}

func TestOpsPrintAndParse(t *testing.T) {
	for _, o := range append(generate(7, 200, metaBlock, weights), generateOver(5, 7, 200, metaBlock)...) {
		got, err := parseOp(o.String())
		require.NoError(t, err)
		require.Equal(t, o, got)
	}
}
