package cachefs_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/journal"
	"github.com/millpond/millpond/tier"
)

// diskSet is a node's configuration and what it leaves on its disk: files, one after the other, and what is done to them.
type diskSet struct {
	configure func(*cachefs.Config)
	writes    []diskWrite
	then      func(ctx context.Context, n *cachefs.Node) error // nil: nothing
	files     plan                                             // what there is in the end, with the directories
	power     bool                                             // is lost, where a node would be shut down
}

// diskWrite is a file that is written.
type diskWrite struct {
	path, seeds string
	o           cachefs.CreateOptions
}

// inStore are the files that the store has as well.
func (d *diskSet) inStore() map[string]bool {
	has := map[string]bool{}
	for _, w := range d.writes {
		has[w.path] = strings.HasPrefix(w.path, "/m/") && w.o.WriteType != cachefs.MustCache
	}
	return has
}

// names are all paths that there are in the end.
func (d *diskSet) names() []string {
	all := []string{"/m"}
	return slices.Sorted(slices.Values(append(all, slices.Collect(maps.Keys(d.files))...)))
}

// smallJournal has checkpoints and segments after few changes.
func smallJournal(c *cachefs.Config) {
	c.Journal = journal.Config{CheckpointEvery: 7, SegmentSize: 2 << 10}
}

// threeTiers have less memory and SSD than the files need, so that blocks lie in all of them.
func threeTiers(c *cachefs.Config) {
	smallJournal(c)
	c.Tiers = []tier.Config{
		{Kind: tier.Memory, Size: 256 << 10},
		{Kind: tier.SSD, Dirs: []tier.Dir{{Path: "/node/ssd", Quota: 768 << 10}}, LowWater: 1, HighWater: 1}, // nothing is freed ahead of need
		{Kind: tier.HDD, Dirs: []tier.Dir{{Path: "/node/hdd1", Quota: 4 << 20}, {Path: "/node/hdd2", Quota: 4 << 20}}},
	}
}

// diskSets differ in what must be read before a node is up, and where its blocks lie.
func diskSets() map[string]diskSet {
	kept, async := cachefs.CreateOptions{WriteType: cachefs.MustCache}, cachefs.CreateOptions{WriteType: cachefs.AsyncThrough}
	sets := map[string]diskSet{
		"three files": {
			writes: []diskWrite{{"/m/through", "1", cachefs.CreateOptions{}}, {"/m/kept", "2", kept}, {"/here", "3", cachefs.CreateOptions{}}},
			files:  plan{"/m/through": "1", "/m/kept": "2", "/here": "3"},
		},
		"blocks in three tiers": {
			configure: threeTiers,
			writes: []diskWrite{
				{"/m/through", "1+2+3", cachefs.CreateOptions{}}, {"/m/kept", "2+1+4", kept}, {"/m/later", "5+6", async}, {"/here", "3+4+5+6", cachefs.CreateOptions{}},
			},
			files: plan{"/m/through": "1+2+3", "/m/kept": "2+1+4", "/m/later": "5+6", "/here": "3+4+5+6"},
		},
		"changes behind a checkpoint": {
			configure: smallJournal,
			writes: []diskWrite{
				{"/m/d/a", "1", cachefs.CreateOptions{Parents: true}}, {"/m/d/b", "2", kept}, {"/m/d/gone", "3", cachefs.CreateOptions{}},
				{"/m/d/b", "4", cachefs.CreateOptions{WriteType: cachefs.MustCache, Overwrite: true}},
				{"/m/d/a", "5", cachefs.CreateOptions{Append: true}},
			},
			then:  changeSome,
			files: plan{"/m/d": "dir", "/m/d/a": "1+5", "/m/d/c": "4", "/e": "dir"},
		},
		"power lost": {
			configure: threeTiers, power: true,
			writes: []diskWrite{{"/m/through", "1+2", cachefs.CreateOptions{}}, {"/m/later", "3+4", async}, {"/m/kept", "5", kept}},
			then: func(ctx context.Context, n *cachefs.Node) error { // a lie about the last batch looks like a torn one
				return n.SetAttr(ctx, "/m/through", &cachefs.AttrOptions{Pin: new(true)})
			},
			files: plan{"/m/through": "1+2", "/m/later": "3+4", "/m/kept": "5"},
		},
		"many files": {configure: smallJournal, files: plan{}},
	}
	many := sets["many files"]
	for i := range 20 {
		path, seeds := fmt.Sprintf("/m/f%02d", i), fmt.Sprint(1+i%6)
		many.writes = append(many.writes, diskWrite{path, seeds, cachefs.CreateOptions{WriteType: cachefs.WriteType(1 + i%4)}})
		many.files[path] = seeds
	}
	sets["many files"] = many
	return sets
}

// changeSome renames, removes, makes and marks.
func changeSome(ctx context.Context, n *cachefs.Node) error {
	for _, change := range []func() error{
		func() error { return n.Rename(ctx, "/m/d/b", "/m/d/c", nil) },
		func() error { return n.Remove(ctx, "/m/d/gone", nil) },
		func() error { return n.Mkdir(ctx, "/e", nil) },
		func() error { return n.SetAttr(ctx, "/m/d/a", &cachefs.AttrOptions{Pin: new(true)}) },
	} {
		if err := change(); err != nil {
			return err
		}
	}
	return nil
}
