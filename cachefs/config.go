package cachefs

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/journal"
	"github.com/millpond/millpond/peer"
	"github.com/millpond/millpond/tier"
	"github.com/millpond/millpond/ufs"
)

const (
	minBlock     = 64 << 10
	maxBlock     = 1 << 30
	defaultBlock = 4 << 20 // one S3 range at 100 MB/s is 40 ms
)

// Ages for MountConfig.Sync.
const (
	SyncNever  time.Duration = 0  // what was seen once is believed for ever
	SyncAlways time.Duration = -1 // every look asks the store
)

// Config is a node's configuration, one field or struct for each layer. The zero Config is a working node: a memory
// tier, a journal in memory, no mounts, and nothing on any disk.
type Config struct {
	// Dir holds what outlives the process: journal, node id, progress of jobs; one process at a time. It is made if
	// missing, 0700. Default: none, all of that is in memory and ends with the process.
	Dir string
	// Tiers are the kinds of local storage, in any order. A disk tier without Dirs lives in Dir. Default: one memory
	// tier of an eighth of the machine's (or the cgroup's) memory, at most 1 GiB, taken from the system as it fills.
	Tiers []tier.Config
	// Mounts are mounted at Open; those of an earlier run come back by themselves if their URL says how. Default: none.
	Mounts []MountConfig
	// Mesh says how this node finds the other nodes of its job and talks to them: with them it has one namespace, and a cache
	// that all of them read. Default: none, the node is alone.
	Mesh *peer.Config
	// Backup keeps the namespace in an under store, for a mesh that ends: one that begins anew with the same Backup, on any machine, has
	// it. Default: none, the namespace lives in Dir alone, or as long as a node does.
	Backup *BackupConfig
	// Journal tunes the log. Dir, FS, NodeID, Peers and Logger are filled in from here. Default: its zero value.
	Journal journal.Config
	// UFS tunes stores that are opened by URL: calls in flight, retries, breaker. Default: its zero value.
	UFS ufs.Options

	// BlockSize is the block size of new and found files: bytes, a multiple of 64 KiB up to 1 GiB. Default: 4 MiB.
	BlockSize int64
	// Permissions turns on POSIX mode bits and ACLs against the User of each context. A context without a User is the
	// process's own and may do everything. Default: false.
	Permissions bool
	// ReadAhead is how far ahead of a sequential reader blocks are fetched at most: bytes. Default: 64 MiB, at most a
	// quarter of the memory tier. Negative: none.
	ReadAhead int64
	// FillWorkers bring the rest of cold blocks and what is read ahead. Default: 8.
	FillWorkers int
	// FillQueue bounds what waits for them; what finds it full is dropped and counted. Default: 256.
	FillQueue int
	// PersistWorkers upload files at the same time, so many for each mount. Default: 4.
	PersistWorkers int
	// PersistMinDelay and PersistMaxDelay bound the back-off of an upload that fails: it never gives up. Default:
	// 100 ms, 1 minute.
	PersistMinDelay, PersistMaxDelay time.Duration
	// TTLInterval is how often times to live are looked at. Default: 1 second.
	TTLInterval time.Duration
	// CloseTimeout bounds Close. Default: 30 seconds.
	CloseTimeout time.Duration
	// Poison overwrites blocks that are lent no more, so that a View used after its Release fails loudly in tests.
	// Default: false.
	Poison bool

	// Logger gets what a return value cannot carry. Default: nothing is logged.
	Logger *slog.Logger
	// Events are called as things happen. Default: none.
	Events Events
	// FS is the local disk below journal and disk tiers. Default: the operating system's.
	FS vfs.FS
}

// MountConfig is a mount made at Open.
type MountConfig struct {
	Path     string        // where: absolute; its parent is made if missing
	URL      string        // which place: "file:///data/in"; not needed with Store
	Store    *ufs.Store    // an opened store instead; the caller closes it after the node. Default: opened from URL
	ReadOnly bool          // refuse changes below. Default: false
	Sync     time.Duration // how old what was seen may grow before the store is asked again. Default: SyncNever
}

// complete returns a copy with the defaults filled in, or everything that is wrong with c.
func (c Config) complete() (Config, error) {
	bad := c.check()
	if checkBlockSize(c.BlockSize) != nil {
		c.BlockSize = 0 // the other sizes are checked against the default
	}
	c.BlockSize = orDefault(c.BlockSize, defaultBlock)
	for _, n := range c.counts() {
		*n.v = orDefault(*n.v, n.def)
	}
	for _, d := range c.delays() {
		*d.v = orDefault(*d.v, d.def)
	}
	if c.PersistMaxDelay < c.PersistMinDelay {
		bad = append(bad, wrong("PersistMaxDelay", c.PersistMaxDelay, fmt.Sprintf("at least PersistMinDelay, %v", c.PersistMinDelay)))
	}
	bad = append(bad, c.completeTiers()...)
	c.ReadAhead = orDefault(c.ReadAhead, c.defaultReadAhead())
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.FS == nil {
		c.FS = vfs.OS
	}
	c.completeBackup()
	c.Journal.Dir = orDefault(c.Journal.Dir, c.dirOfJournal())
	if c.Journal.FS == nil {
		c.Journal.FS = c.FS
	}
	if c.Journal.Logger == nil {
		c.Journal.Logger = c.Logger
	}
	return c, errors.Join(bad...)
}

// A setting is a number of Config with its default.
type setting[T any] struct {
	name string
	v    *T
	def  T
}

func (c *Config) counts() []setting[int] {
	return []setting[int]{
		{"FillWorkers", &c.FillWorkers, 8}, {"FillQueue", &c.FillQueue, 256}, {"PersistWorkers", &c.PersistWorkers, 4},
	}
}

func (c *Config) delays() []setting[time.Duration] {
	return []setting[time.Duration]{
		{"PersistMinDelay", &c.PersistMinDelay, 100 * time.Millisecond}, {"PersistMaxDelay", &c.PersistMaxDelay, time.Minute},
		{"TTLInterval", &c.TTLInterval, time.Second}, {"CloseTimeout", &c.CloseTimeout, 30 * time.Second},
	}
}

// completeTiers gives disk tiers without directories one below Dir, and a node without tiers its memory tier.
func (c *Config) completeTiers() (bad []error) {
	c.Tiers = slices.Clone(c.Tiers)
	if len(c.Tiers) == 0 {
		c.Tiers = []tier.Config{{Kind: tier.Memory, Size: defaultMemory(c.BlockSize)}}
	}
	placed := c.Tiers[:0:0]
	for i := range c.Tiers {
		t := &c.Tiers[i]
		if t.Kind != tier.Memory && len(t.Dirs) == 0 {
			if c.Dir == "" {
				bad = append(bad, wrong(fmt.Sprintf("Tiers[%d].Dirs", i), "empty", fmt.Sprintf("a directory for the %v tier, or a Config.Dir that it can live in", t.Kind)))
				continue
			}
			t.Dirs = []tier.Dir{{Path: filepath.Join(c.Dir, fmt.Sprint(t.Kind))}}
		}
		placed = append(placed, *t)
	}
	if len(placed) > 0 {
		bad = append(bad, layer("Tiers", tier.Check(tier.Options{BlockSize: c.BlockSize}, placed...))...)
	}
	return bad
}

// mostAhead is 16 blocks of 4 MiB: at 40 ms each, 8 of them in flight, that is 1.6 GB/s.
const mostAhead = 64 << 20

// defaultReadAhead leaves three quarters of the memory tier to what is read again.
func (c *Config) defaultReadAhead() int64 {
	for _, t := range c.Tiers {
		if t.Kind == tier.Memory {
			return min(mostAhead, t.Size/4)
		}
	}
	return mostAhead
}

// checkBlockSize accepts 0, which means the default.
func checkBlockSize(n int64) error {
	if n == 0 || n >= minBlock && n <= maxBlock && n%minBlock == 0 {
		return nil
	}
	return errors.New("0 (the default, 4 MiB) or a multiple of 64 KiB up to 1 GiB")
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}
