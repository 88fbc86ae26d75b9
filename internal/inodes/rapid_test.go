package inodes_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/millpond/millpond/internal/inodes"
)

// tree is what a table should hold: inodes by number, and each directory's children by name.
type tree struct {
	inodes map[uint64]inodes.Inode
	kids   map[uint64]map[string]uint64
	loose  map[uint64]inodes.Inode // cut off, and not forgotten yet
}

func (m *tree) clone() *tree {
	c := &tree{inodes: maps.Clone(m.inodes), kids: map[uint64]map[string]uint64{}, loose: maps.Clone(m.loose)}
	for dir, kids := range m.kids {
		c.kids[dir] = maps.Clone(kids)
	}
	return c
}

// listing is a walk over a directory, page by page, beside changes.
type listing struct {
	dir   uint64
	after string
	stay  []string // names that were there from its begin on
}

// machine makes the same changes to a table and a tree. rapid prints the shortest list of them that fails.
type machine struct {
	table  *inodes.Table
	tree   *tree
	ever   map[uint64]bool
	frozen *inodes.Frozen
	then   *tree // when frozen began
	pieces [][]byte
	walk   *listing
}

func newMachine() *machine {
	m := &machine{table: inodes.New(), tree: &tree{inodes: map[uint64]inodes.Inode{}, kids: map[uint64]map[string]uint64{}, loose: map[uint64]inodes.Inode{}}, ever: map[uint64]bool{inodes.Root: true}}
	var root inodes.Inode
	m.table.Get(inodes.Root, &root)
	m.tree.inodes[inodes.Root], m.tree.kids[inodes.Root] = root, map[string]uint64{}
	return m
}

var (
	names    = rapid.OneOf(rapid.StringMatching(`[ab]{1,2}`), rapid.Just(strings.Repeat("n", 255)), rapid.StringMatching(`[\x80-\xff]{1,9}`))
	versions = rapid.OneOf(rapid.SampledFrom([]string{"", "0", "7-9", "abcd", `"abcd"`, strings.Repeat("v", 249), strings.Repeat("v", 251), strings.Repeat("f", 498)}), rapid.String())
)

func (m *machine) pick(t *rapid.T, fits func(*inodes.Inode) bool) (inodes.Inode, bool) {
	var all []uint64
	for _, ino := range slices.Sorted(maps.Keys(m.tree.inodes)) {
		if in := m.tree.inodes[ino]; fits(&in) {
			all = append(all, ino)
		}
	}
	if len(all) == 0 {
		return inodes.Inode{}, false
	}
	return m.tree.inodes[rapid.SampledFrom(all).Draw(t, "inode")], true
}

func isDir(in *inodes.Inode) bool   { return in.Dir }
func notRoot(in *inodes.Inode) bool { return in.Ino != inodes.Root }

func vary(t *rapid.T, in *inodes.Inode) {
	in.Size, in.ModTime = rapid.Int64Range(0, 9).Draw(t, "size"), rapid.Int64().Draw(t, "mod")
	in.Owner = rapid.SampledFrom([]string{"", "ann", "bob"}).Draw(t, "owner")
	in.TTL = rapid.SampledFrom([]int64{0, 1, 50, 1<<63 - 1}).Draw(t, "ttl")
	if in.TTLFrom = 0; in.TTL != 0 {
		in.TTLFrom = rapid.Int64Range(0, 100).Draw(t, "from")
	}
	in.Intent = rapid.Uint64Range(0, 2).Draw(t, "intent")
	if in.Xattr = nil; rapid.Bool().Draw(t, "xattr") {
		in.Xattr = map[string][]byte{"user.a": {1}}
	}
	if !in.Dir {
		in.Version = inodes.VersionOf(versions.Draw(t, "version"))
		in.Complete = rapid.Bool().Draw(t, "complete")
		in.Persist = inodes.PersistState(rapid.IntRange(0, 3).Draw(t, "persist"))
	}
}

func (m *machine) create(t *rapid.T) {
	dir, _ := m.pick(t, isDir)
	in := inodes.Inode{Parent: dir.Ino, Name: names.Draw(t, "name"), Dir: rapid.Bool().Draw(t, "dir")}
	if m.tree.kids[dir.Ino][in.Name] != 0 {
		t.Skip("the name is taken")
	}
	in.Complete = in.Dir
	vary(t, &in)
	in.Ino = m.table.Alloc()
	require.False(t, m.ever[in.Ino], "number %x given twice", in.Ino)
	m.ever[in.Ino] = true
	m.table.Put(&in)
	m.table.Link(in.Ino)
	m.tree.inodes[in.Ino], m.tree.kids[dir.Ino][in.Name] = in, in.Ino
	if in.Dir {
		m.tree.kids[in.Ino] = map[string]uint64{}
	}
}

func (m *machine) change(t *rapid.T) {
	in, _ := m.pick(t, func(*inodes.Inode) bool { return true })
	vary(t, &in)
	m.table.Put(&in)
	m.tree.inodes[in.Ino] = in
}

func (m *machine) move(t *rapid.T) {
	in, ok := m.pick(t, func(in *inodes.Inode) bool { return notRoot(in) && !in.Dir })
	dir, _ := m.pick(t, isDir)
	name := names.Draw(t, "name")
	if !ok || m.tree.kids[dir.Ino][name] != 0 {
		t.Skip("nothing to move, or the name is taken")
	}
	m.unlink(in)
	m.table.Unlink(in.Ino)
	in.Parent, in.Name = dir.Ino, name
	m.table.Put(&in)
	m.table.Link(in.Ino)
	m.tree.inodes[in.Ino], m.tree.kids[dir.Ino][name] = in, in.Ino
}

func (m *machine) unlink(in inodes.Inode) {
	delete(m.tree.kids[in.Parent], in.Name)
	if m.walk != nil && m.walk.dir == in.Parent {
		m.walk.stay = slices.DeleteFunc(m.walk.stay, func(name string) bool { return name == in.Name })
	}
}

// cutOff takes a directory with all below it out of the tree.
func (m *machine) cutOff(t *rapid.T) {
	in, ok := m.pick(t, func(in *inodes.Inode) bool { return notRoot(in) && in.Dir })
	if !ok {
		t.Skip("nothing to cut off")
	}
	m.unlink(in)
	m.table.CutOff(in.Ino)
	in.Parent = 0
	m.loosen(in)
}

func (m *machine) loosen(in inodes.Inode) {
	for _, kid := range m.tree.kids[in.Ino] {
		m.loosen(m.tree.inodes[kid])
	}
	delete(m.tree.kids, in.Ino)
	delete(m.tree.inodes, in.Ino)
	m.tree.loose[in.Ino] = in
}

func (m *machine) forget(t *rapid.T) {
	n := rapid.IntRange(1, 3).Draw(t, "n")
	most := min(n, len(m.tree.loose))
	gone := map[uint64]bool{}
	require.Equal(t, most, m.table.Forget(n, func(in *inodes.Inode) {
		require.Contains(t, m.tree.loose, in.Ino)
		for _, other := range m.tree.loose {
			require.False(t, other.Parent == in.Ino, "%x went before %x, which is below it", in.Ino, other.Ino)
		}
		delete(m.tree.loose, in.Ino)
		gone[in.Ino] = true
	}))
	require.Len(t, gone, most)
	require.Equal(t, len(m.tree.loose) > 0, m.table.Loose())
}

func (m *machine) removeFile(t *rapid.T) {
	in, ok := m.pick(t, func(in *inodes.Inode) bool { return !in.Dir })
	if !ok {
		t.Skip("nothing to remove")
	}
	m.unlink(in)
	m.table.Unlink(in.Ino)
	m.table.Free(in.Ino)
	delete(m.tree.inodes, in.Ino)
}

// freeze begins a checkpoint, next writes a chunk of it: changes come between.
func (m *machine) freeze(t *rapid.T) {
	if m.frozen != nil {
		t.Skip("there is one")
	}
	m.frozen, m.then = m.table.Freeze(), m.tree.clone()
	m.pieces = [][]byte{slices.Clone(m.frozen.Header())}
}

func (m *machine) next(t *rapid.T) {
	if m.frozen == nil {
		t.Skip("there is none")
	}
	b, more := m.frozen.Next(nil)
	if more {
		m.pieces = append(m.pieces, b)
		return
	}
	m.frozen.Thaw()
	m.frozen = nil
	table := restored(t, m.pieces)
	same(t, m.then, table)
	require.Equal(t, m.pieces, drain(table.Freeze()), "what was restored encodes as what was written")
	if rapid.Bool().Draw(t, "go on with it") {
		m.table, m.tree, m.walk = table, m.then, nil
		m.ever = maps.Clone(m.ever)
		for ino := range m.ever { // after a crash, numbers given behind the checkpoint are given again
			if m.tree.inodes[ino].Ino == 0 && m.tree.loose[ino].Ino == 0 {
				delete(m.ever, ino)
			}
		}
	}
}

func restored(t require.TestingT, pieces [][]byte) *inodes.Table {
	x, err := inodes.Restore(pieces[0])
	require.NoError(t, err)
	for _, b := range pieces[1:] {
		require.NoError(t, x.Chunk(b))
	}
	table, err := x.Done()
	require.NoError(t, err)
	return table
}

// page goes on with a listing: names come in order, and those that were there all the while all come.
func (m *machine) page(t *rapid.T) {
	if m.walk == nil || m.tree.kids[m.walk.dir] == nil {
		dir, _ := m.pick(t, isDir)
		m.walk = &listing{dir: dir.Ino, stay: slices.Sorted(maps.Keys(m.tree.kids[dir.Ino]))}
	}
	list, more := m.table.List(m.walk.dir, m.walk.after, rapid.IntRange(1, 3).Draw(t, "limit"), nil)
	for i := range list {
		require.Greater(t, list[i].Name, m.walk.after)
		m.walk.after = list[i].Name
		if len(m.walk.stay) > 0 && m.walk.stay[0] == list[i].Name {
			m.walk.stay = m.walk.stay[1:]
		}
	}
	if len(m.walk.stay) > 0 {
		require.Greater(t, m.walk.stay[0], m.walk.after, "a name was left out")
	}
	if !more {
		require.Empty(t, m.walk.stay, "the listing ended before these")
		m.walk = nil
	}
}

// same compares a table with the tree.
func same(t require.TestingT, want *tree, table *inodes.Table) {
	require.Equal(t, len(want.inodes)+len(want.loose), table.Len())
	all := maps.Clone(want.inodes)
	maps.Copy(all, want.loose)
	var waiting, expired []uint64
	for ino, in := range all {
		var got inodes.Inode
		require.True(t, table.Get(ino, &got), "%x", ino)
		if want.loose[ino].Ino != 0 {
			require.False(t, table.Attached(ino))
			in.Parent = got.Parent // none, for those that were cut off
		} else {
			require.True(t, table.Attached(ino))
		}
		require.Equal(t, plain(in), plain(got))
		if !in.Dir && in.Complete && in.Persist == inodes.ToPersist {
			waiting = append(waiting, ino)
		}
		if in.Complete && in.TTL != 0 && in.TTL < 1<<62 && in.TTLFrom+in.TTL <= 100 {
			expired = append(expired, ino)
		}
	}
	for dir, kids := range want.kids {
		require.Equal(t, len(kids), table.Count(dir))
		list, more := table.List(dir, "", 0, nil)
		require.False(t, more)
		var got []string
		for i := range list {
			got = append(got, list[i].Name)
			require.Equal(t, kids[list[i].Name], table.Child(dir, list[i].Name))
			path, ok := table.AppendPath(nil, list[i].Ino)
			require.True(t, ok)
			require.True(t, strings.HasSuffix(string(path), "/"+list[i].Name), "%q", path)
		}
		require.Equal(t, slices.Sorted(maps.Keys(kids)), got)
		entries(t, want, table, dir, kids)
	}
	var got []uint64
	table.Waiting(0, func(ino uint64) bool { got = append(got, ino); return true })
	require.ElementsMatch(t, waiting, got)
	require.ElementsMatch(t, expired, table.Expired(100, 1<<30))
}

// entries lists a directory in pages, which come from memory the second time, and after that under another path.
func entries(t require.TestingT, want *tree, table *inodes.Table, dir uint64, kids map[string]uint64) {
	table.RememberAll()
	for _, prefix := range []string{"/dir/", "/dir/", "/moved/"} {
		seen := 0
		for after, more := "", true; more; {
			var list []*inodes.Entry
			list, more = table.Entries(dir, prefix, after, 2)
			for _, e := range list {
				in := want.inodes[e.Ino()]
				after = in.Name
				require.Equal(t, prefix+in.Name, e.Path())
				require.Equal(t, kids[in.Name], e.Ino())
				require.Equal(t, in.Version.String(), e.Version())
				require.Equal(t, []any{in.Size, in.ModTime, in.Owner, in.TTL, in.Complete, in.Intent != 0}, []any{e.Size(), e.ModTime(), e.Owner(), e.TTL(), e.Complete(), e.Held()})
				seen++
			}
		}
		require.Equal(t, len(kids), seen)
	}
}

// after goes through the whole walk from each of its names.
func after(t require.TestingT, table *inodes.Table) {
	walk := func(after string) (paths []string) {
		table.BelowAfter(inodes.Root, after, func(_ uint64, path string) inodes.Walk { paths = append(paths, path); return inodes.On })
		return paths
	}
	whole := walk("")
	for i, path := range whole {
		require.Equal(t, whole[i+1:], append([]string{}, walk(path)...), "after %q", path)
	}
}

func TestTableBesideATree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine()
		t.Repeat(map[string]func(*rapid.T){
			"create": m.create, "create too": m.create, "change": m.change, "move": m.move,
			"cut off": m.cutOff, "forget": m.forget, "remove a file": m.removeFile,
			"freeze": m.freeze, "next": m.next, "page": m.page, "page on": m.page,
			"": func(t *rapid.T) { same(t, m.tree, m.table); after(t, m.table) },
		})
	})
}

func FuzzRestore(f *testing.F) {
	m := newModel(&testing.T{}, 1)
	for range 100 {
		m.step()
	}
	frozen := m.table.Freeze()
	pieces := drain(frozen)
	f.Add(pieces[0], slices.Concat(pieces[1:]...), len(pieces[1]))
	f.Fuzz(func(t *testing.T, header, chunks []byte, cut int) {
		x, err := inodes.Restore(header)
		if err != nil {
			return
		}
		cut = min(max(cut, 0), len(chunks))
		for _, b := range [][]byte{chunks[:cut], chunks[cut:]} {
			if len(b) > 0 && x.Chunk(b) != nil {
				return
			}
		}
		if table, err := x.Done(); err == nil {
			again := restored(t, drain(table.Freeze()))
			require.Equal(t, table.Len(), again.Len())
			for _, ino := range table.Kids(nil, inodes.Root) {
				table.RemoveTree(ino, func(*inodes.Inode) {})
			}
		}
	})
}

// TestDamagedParents restores chunks whose parents are slots that are not there, or go round.
func TestDamagedParents(t *testing.T) {
	for name, parents := range map[string][2]uint32{
		"beyond the table": {3, 4_000_000_000}, "in a circle": {3, 2}, "itself": {2, 3}, "none": {0, 1}, "a file": {3, 1},
	} {
		t.Run(name, func(t *testing.T) {
			x := withParents(t, parents, name != "a file")
			_, err := x.Done()
			require.Error(t, err)
		})
	}
	_, err := withParents(t, [2]uint32{3, 1}, true).Done()
	require.NoError(t, err)
}

// withParents is a checkpoint of two inodes at slots 2 and 3 with those parents; the second is a directory or a file.
func withParents(t *testing.T, parents [2]uint32, dir bool) *inodes.Restoring {
	table := inodes.New()
	d, f := table.Alloc(), table.Alloc()
	table.Put(&inodes.Inode{Ino: d, Parent: inodes.Root, Name: "aaaa", Dir: true, Complete: true})
	table.Link(d)
	table.Put(&inodes.Inode{Ino: f, Parent: d, Name: "bbbb", Dir: dir, Complete: true})
	table.Link(f)
	pieces := drain(table.Freeze())
	x, err := inodes.Restore(pieces[0])
	require.NoError(t, err)
	require.NoError(t, x.Chunk(inodes.SetParents(pieces[1], map[string]uint32{"aaaa": parents[0], "bbbb": parents[1]})))
	return x
}

func ExampleTable() {
	table := inodes.New()
	for _, name := range []string{"pears", "apples"} {
		in := inodes.Inode{Ino: table.Alloc(), Parent: inodes.Root, Name: name, Size: int64(len(name)), Complete: true}
		table.Put(&in)
		table.Link(in.Ino)
	}
	list, _ := table.List(inodes.Root, "", 0, nil)
	for _, in := range list {
		fmt.Println(in.Name, in.Size)
	}
	// Output:
	// apples 6
	// pears 5
}
