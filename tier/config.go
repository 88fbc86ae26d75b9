package tier

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier/internal/disk"
)

// MaxBlock is the length of the largest block, in bytes.
const MaxBlock = 1 << 30

// Config is one tier.
type Config struct {
	// Kind is what the tier is made of. Default: Memory.
	Kind Kind
	// Size is what the tier may take, in bytes; of a disk tier it may be left 0 if each directory has a quota.
	Size int64
	// Dirs are the directories of a disk tier. They share Size by equal parts where they have no quota.
	Dirs []Dir
	// LowWater and HighWater are parts of Size: above HighWater the tier frees ahead of need, down to LowWater.
	// Default: 0.95 and 0.98.
	LowWater, HighWater float64
}

// Dir is a directory of a disk tier.
type Dir struct {
	Path  string // made if it is missing, 0700
	Quota int64  // bytes on disk. Default: its part of Config.Size
}

// Options are what all tiers share.
type Options struct {
	// BlockSize is the usual length of a block, in bytes: a tier holds at least one. Blocks of up to MaxBlock are taken.
	// Default: 4 MiB.
	BlockSize int64
	// FS is the disk. Default: the operating system's.
	FS vfs.FS
	// Logger gets what nothing returns. Default: nothing is logged.
	Logger *slog.Logger
	// Events are called as things happen. Default: none.
	Events Events
	// Poison overwrites blocks when they leave memory, so that a View that is used after its Release reads 0xDB.
	// Default: false.
	Poison bool
	// Shards is how many locks an eviction policy has. Default: 16, fewer for small tiers.
	Shards int
}

func (o Options) complete() Options {
	if o.BlockSize == 0 {
		o.BlockSize = 4 << 20
	}
	if o.FS == nil {
		o.FS = vfs.OS
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Shards == 0 {
		o.Shards = 16
	}
	return o
}

// Check reports everything that is wrong with the tiers of a node, as Open would, without opening anything.
func Check(o Options, tiers ...Config) error {
	_, err := complete(o.complete(), tiers)
	return err
}

// complete returns the tiers fastest first with their defaults, or everything that is wrong.
func complete(o Options, tiers []Config) ([]Config, error) {
	tiers = slices.Clone(tiers)
	slices.SortStableFunc(tiers, func(a, b Config) int { return int(a.Kind) - int(b.Kind) })
	var bad []error
	report := func(i int, field string, value any, want string) {
		bad = append(bad, fmt.Errorf("%w: %v tier: %s is %v; want %s", fs.ErrInvalid, tiers[i].Kind, field, value, want))
	}
	if len(tiers) == 0 {
		bad = append(bad, fmt.Errorf("%w: no tier; give at least one, {Kind: tier.Memory, Size: 1 << 30} for example", fs.ErrInvalid))
	}
	paths := map[string]bool{}
	for i := range tiers {
		t := &tiers[i]
		if t.Kind >= kinds {
			report(i, "Kind", t.Kind, "memory, ssd or hdd")
			continue
		}
		if i > 0 && tiers[i-1].Kind == t.Kind {
			report(i, "Kind", t.Kind, "one tier of a kind; a tier may have several Dirs")
		}
		if t.HighWater == 0 {
			t.HighWater = 0.98
		}
		if t.LowWater == 0 {
			t.LowWater = min(0.95, t.HighWater)
		}
		if !(t.LowWater > 0 && t.LowWater <= t.HighWater && t.HighWater <= 1) {
			report(i, "LowWater, HighWater", fmt.Sprint(t.LowWater, ", ", t.HighWater), "0 < LowWater <= HighWater <= 1")
		}
		if t.Kind == Memory {
			checkMemory(o, t, func(field string, value any, want string) { report(i, field, value, want) })
			continue
		}
		checkDirs(o, t, paths, func(field string, value any, want string) { report(i, field, value, want) })
	}
	return tiers, errors.Join(bad...)
}

func checkMemory(o Options, t *Config, report func(string, any, string)) {
	if len(t.Dirs) > 0 {
		report("Dirs", t.Dirs, "none: memory has no directories")
	}
	if t.Size < o.BlockSize {
		report("Size", t.Size, fmt.Sprintf("at least one block, %d bytes", o.BlockSize))
	}
	if machine := MachineMemory(); machine > 0 && t.Size > machine {
		report("Size", t.Size, fmt.Sprintf("at most what the machine or its cgroup has, %d bytes", machine))
	}
}

func checkDirs(o Options, t *Config, paths map[string]bool, report func(string, any, string)) {
	if len(t.Dirs) == 0 {
		report("Dirs", "empty", "at least one directory")
	}
	t.Dirs = slices.Clone(t.Dirs)
	for k := range t.Dirs {
		d := &t.Dirs[k]
		field, given, each := "Dirs.Quota", d.Quota, ""
		if d.Quota == 0 {
			field, given, each = "Size", t.Size, " for each of its directories"
			d.Quota = t.Size / int64(len(t.Dirs))
		}
		path := filepath.Clean(d.Path)
		if d.Path == "" {
			report("Dirs.Path", `""`, "a directory")
		} else if paths[path] {
			report("Dirs.Path", d.Path, "directories that differ")
		}
		paths[path] = true
		if least := max(o.BlockSize, disk.MinQuota); d.Quota < least {
			report(field, given, fmt.Sprintf("at least %d bytes%s: a block, and no less than %d", least, each, int64(disk.MinQuota)))
		}
	}
}
