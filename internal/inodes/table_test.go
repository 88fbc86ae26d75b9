package inodes_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/inodes"
)

// model is a table and what it should hold.
type model struct {
	t     *testing.T
	rng   *rand.Rand
	table *inodes.Table
	have  map[uint64]inodes.Inode
	ever  map[uint64]bool
	clock int64
}

func newModel(t *testing.T, seed uint64) *model {
	m := &model{t: t, rng: rand.New(rand.NewPCG(seed, 7)), table: inodes.New(), have: map[uint64]inodes.Inode{}, ever: map[uint64]bool{inodes.Root: true}}
	var root inodes.Inode
	require.True(t, m.table.Get(inodes.Root, &root))
	m.have[inodes.Root] = root
	return m
}

// pick is a number that fits, in an order that the seed decides.
func (m *model) pick(fits func(*inodes.Inode) bool) (uint64, bool) {
	var all []uint64
	for _, ino := range slices.Sorted(maps.Keys(m.have)) {
		if in := m.have[ino]; fits(&in) {
			all = append(all, ino)
		}
	}
	if len(all) == 0 {
		return 0, false
	}
	return all[m.rng.IntN(len(all))], true
}

func (m *model) name() string {
	if m.rng.IntN(20) == 0 {
		return strings.Repeat(string(rune('a'+m.rng.IntN(26))), 1+m.rng.IntN(255))
	}
	return fmt.Sprintf("f%d", m.rng.IntN(2000))
}

func (m *model) version() inodes.Version {
	return inodes.VersionOf([]string{
		"", "0", "17-4-9", "00ff", `"d41d8cd98f00b204e9800998ecf8427e"`, "d41d8cd98f00b204e9800998ecf8427e-3", strings.Repeat("v", 300),
		"e\x00\xff", fmt.Sprint(m.rng.Int64N(5)), fmt.Sprintf("%d-%d-%d", m.rng.Int64N(5), m.clock, m.rng.Uint64N(1<<60)),
	}[m.rng.IntN(10)])
}

// vary sets what may change without a move.
func (m *model) vary(in *inodes.Inode) {
	m.clock++
	in.Size, in.ModTime, in.ChangeTime, in.SyncedAt = m.rng.Int64N(5), m.clock, m.clock, m.clock-1
	in.Owner, in.Group, in.Mode = []string{"", "ann", "bob"}[m.rng.IntN(3)], "g", 0o600
	in.BlockSize = 64 << 10
	in.Homes, in.ACL, in.Xattr = nil, nil, nil
	if m.rng.IntN(4) == 0 {
		in.Homes = []string{"n1", "n2"}[:1+m.rng.IntN(2)]
	}
	if m.rng.IntN(8) == 0 {
		in.ACL = &inodes.ACL{Entries: []inodes.ACLEntry{{Tag: 'u', Name: "eve", Perm: 5}}}
		in.Xattr = map[string][]byte{"user.b": []byte("2"), "user.a": nil}
	}
	in.TTL, in.TTLFrom = 0, 0
	if m.rng.IntN(3) == 0 {
		in.TTL, in.TTLFrom = 1+m.rng.Int64N(500), m.clock
	}
	in.Pinned, in.Intent = m.rng.IntN(2) == 0, uint64(m.rng.IntN(2))
	if in.Dir {
		return
	}
	in.Version = m.version()
	in.Complete = in.Shadow == false && m.rng.IntN(3) > 0
	in.Persist, in.Owed = inodes.PersistState(m.rng.IntN(4)), m.rng.IntN(4) == 0
	in.Lease = [16]byte{}
	if !in.Complete {
		in.Lease[3] = byte(m.rng.IntN(3))
	}
}

func (m *model) step() {
	switch n := m.rng.IntN(20); {
	case n < 9:
		m.create()
	case n < 13:
		if ino, ok := m.pick(func(*inodes.Inode) bool { return true }); ok {
			in := m.have[ino]
			m.vary(&in)
			m.table.Put(&in)
			m.have[ino] = in
		}
	case n < 16:
		m.move()
	default:
		if n < 19 || m.rng.IntN(30) == 0 { // a large tree goes now and then
			m.remove(n < 19)
		}
	}
}

func (m *model) create() {
	dir, _ := m.pick(func(in *inodes.Inode) bool { return in.Dir })
	if m.rng.IntN(2) == 0 {
		dir = inodes.Root
	}
	in := inodes.Inode{Parent: dir, Name: m.name(), Dir: m.rng.IntN(8) == 0}
	in.Complete = in.Dir
	if m.table.Child(dir, in.Name) != 0 {
		in.Shadow = !in.Dir
		if in.Dir {
			return
		}
	}
	in.Ino = m.table.Alloc()
	require.False(m.t, m.ever[in.Ino], "number %x given twice", in.Ino)
	m.ever[in.Ino] = true
	m.vary(&in)
	if !in.Dir {
		in.FileID[0], in.FileID[15] = byte(in.Ino), byte(m.rng.IntN(256))
	}
	m.table.Put(&in)
	if !in.Shadow {
		m.table.Link(in.Ino)
	}
	m.have[in.Ino] = in
}

func (m *model) move() {
	ino, ok := m.pick(func(in *inodes.Inode) bool { return in.Ino != inodes.Root && !in.Shadow && !in.Dir })
	if !ok {
		return
	}
	dir, _ := m.pick(func(in *inodes.Inode) bool { return in.Dir })
	in := m.have[ino]
	name := m.name()
	if m.table.Child(dir, name) != 0 {
		return
	}
	m.table.Unlink(ino)
	in.Parent, in.Name = dir, name
	m.table.Put(&in)
	m.table.Link(ino)
	m.have[ino] = in
}

func (m *model) remove(file bool) {
	ino, ok := m.pick(func(in *inodes.Inode) bool { return in.Ino != inodes.Root && (!in.Dir || !file) })
	if !ok {
		return
	}
	m.table.RemoveTree(ino, func(in *inodes.Inode) {
		_, there := m.have[in.Ino]
		require.True(m.t, there, "went twice: %x", in.Ino)
		delete(m.have, in.Ino)
	})
	_, there := m.have[ino]
	require.False(m.t, there)
}

func plain(in inodes.Inode) inodes.Inode {
	in.Version = inodes.VersionOf(in.Version.String())
	if len(in.Xattr) == 0 {
		in.Xattr = nil
	}
	for k, v := range in.Xattr {
		if len(v) == 0 {
			in.Xattr[k] = nil
		}
	}
	return in
}

func (m *model) check(table *inodes.Table) {
	require.Equal(m.t, len(m.have), table.Len())
	kids := map[uint64][]string{}
	for ino, want := range m.have {
		var got inodes.Inode
		require.True(m.t, table.Get(ino, &got), "%x", ino)
		require.Equal(m.t, plain(want), plain(got))
		if !want.Shadow && ino != inodes.Root {
			kids[want.Parent] = append(kids[want.Parent], want.Name)
			require.Equal(m.t, ino, table.Child(want.Parent, want.Name))
		}
	}
	for ino, in := range m.have {
		if !in.Dir {
			continue
		}
		slices.Sort(kids[ino])
		require.Equal(m.t, len(kids[ino]), table.Count(ino))
		var got []string
		for after, more := "", true; more; {
			var list []inodes.Inode
			list, more = table.List(ino, after, 7, nil)
			for i := range list {
				require.Equal(m.t, plain(m.have[list[i].Ino]), plain(list[i]))
				got = append(got, list[i].Name)
				after = list[i].Name
			}
		}
		require.Equal(m.t, kids[ino], got)
		require.Empty(m.t, table.Child(ino, "no such name"))
	}
	m.checkSets(table)
}

func (m *model) checkSets(table *inodes.Table) {
	var waiting, expired []uint64
	for ino, in := range m.have {
		if !in.Dir && in.Complete && in.Persist == inodes.ToPersist {
			waiting = append(waiting, ino)
		}
		if in.Complete && in.TTL != 0 && in.TTLFrom+in.TTL <= m.clock {
			expired = append(expired, ino)
		}
	}
	var got []uint64
	table.Waiting(0, func(ino uint64) bool { got = append(got, ino); return true })
	require.ElementsMatch(m.t, waiting, got)
	require.ElementsMatch(m.t, expired, table.Expired(m.clock, 1<<30))
	require.Len(m.t, table.Expired(m.clock, 3), min(3, len(expired)))
}

// drain writes the rest of a checkpoint.
func drain(f *inodes.Frozen) [][]byte {
	out := [][]byte{slices.Clone(f.Header())}
	for {
		b, more := f.Next(nil)
		if !more {
			return out
		}
		out = append(out, b)
	}
}

func restore(t testing.TB, pieces [][]byte) *inodes.Table {
	x, err := inodes.Restore(pieces[0])
	require.NoError(t, err)
	for _, b := range pieces[1:] {
		require.NoError(t, x.Chunk(b))
	}
	table, err := x.Done()
	require.NoError(t, err)
	return table
}

// TestTableIsItsModel makes random changes; a checkpoint that is written while they go on is that of the moment it was
// begun, and what is restored from it goes on as the original did.
func TestTableIsItsModel(t *testing.T) {
	for seed := range uint64(5) {
		m := newModel(t, seed)
		for round := range 5 {
			for range 400 {
				m.step()
			}
			m.check(m.table)
			whole := m.table.Freeze()
			at := drain(whole)
			whole.Thaw()

			slow := m.table.Freeze()
			got := [][]byte{slices.Clone(slow.Header())}
			for more := true; more; {
				var b []byte
				if b, more = slow.Next(nil); more {
					got = append(got, b)
				}
				for range 20 {
					m.step()
				}
			}
			slow.Thaw()
			require.Equal(t, at, got, "seed %d round %d", seed, round)
			require.Equal(t, at, drain(restore(t, got).Freeze()), "seed %d round %d", seed, round)
			f := m.table.Freeze()
			m.table = restore(t, drain(f))
			m.check(m.table)
		}
	}
}

// TestLargeDirectory goes through leaves: names in order, backwards and mixed, and out again.
func TestLargeDirectory(t *testing.T) {
	const n = 5000
	orders := map[string]func(i int) int{
		"ascending":  func(i int) int { return i },
		"descending": func(i int) int { return n - 1 - i },
		"mixed":      func(i int) int { return i * 2741 % n },
	}
	for name, order := range orders {
		t.Run(name, func(t *testing.T) {
			table := inodes.New()
			inos := make([]uint64, n)
			for i := range n {
				k := order(i)
				inos[k] = table.Alloc()
				table.Put(&inodes.Inode{Ino: inos[k], Parent: inodes.Root, Name: fmt.Sprintf("%05d", k), Complete: true})
				table.Link(inos[k])
			}
			require.Equal(t, inos, table.Kids(nil, inodes.Root))
			list, more := table.List(inodes.Root, "02500", 3, nil)
			require.True(t, more)
			require.Equal(t, []string{"02501", "02502", "02503"}, []string{list[0].Name, list[1].Name, list[2].Name})
			for i := range n - 5 {
				table.RemoveTree(inos[order(n-1-i)], func(*inodes.Inode) {})
			}
			require.Equal(t, 5, table.Count(inodes.Root))
			require.Len(t, table.Kids(nil, inodes.Root), 5)
		})
	}
}

func TestNumbersAreNotGivenTwice(t *testing.T) {
	table := inodes.New()
	seen := map[uint64]bool{}
	for range 70_000 { // more than a slot's generations
		ino := table.Alloc()
		require.False(t, seen[ino])
		seen[ino] = true
		table.Put(&inodes.Inode{Ino: ino, Parent: inodes.Root, Name: "x", Complete: true})
		table.Link(ino)
		table.RemoveTree(ino, func(*inodes.Inode) {})
		require.False(t, table.Peek(ino, new(inodes.Inode)))
	}
}

func TestDamagedCheckpoints(t *testing.T) {
	m := newModel(t, 3)
	for range 300 {
		m.step()
	}
	f := m.table.Freeze()
	good := drain(f)
	f.Thaw()
	try := func(pieces [][]byte) error {
		x, err := inodes.Restore(pieces[0])
		if err != nil {
			return err
		}
		for _, b := range pieces[1:] {
			if err := x.Chunk(b); err != nil {
				return err
			}
		}
		_, err = x.Done()
		return err
	}
	require.NoError(t, try(good))
	require.Error(t, try(good[:len(good)-1]), "a chunk is missing")
	require.Error(t, try(append(slices.Clone(good), []byte{0})), "a chunk too many")
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3000 { // none may panic, or take the table's queries with it
		bad := slices.Clone(good)
		i := rng.IntN(len(bad))
		bad[i] = slices.Clone(bad[i])
		bad[i][rng.IntN(len(bad[i]))] ^= 1 << rng.IntN(8)
		x, err := inodes.Restore(bad[0])
		for _, b := range bad[1:] {
			if err == nil {
				err = x.Chunk(b)
			}
		}
		if err != nil {
			continue
		}
		if table, err := x.Done(); err == nil {
			table.Below(inodes.Root, func(*inodes.Inode) bool { return true })
			table.List(inodes.Root, "", 0, nil)
			table.RemoveTree(table.Kids(nil, inodes.Root)[0], func(*inodes.Inode) {})
			table.Alloc()
		}
	}
}

func TestSlotsAreUsedAgain(t *testing.T) {
	table := inodes.New()
	for range 100 {
		var inos [5]uint64
		for i := range inos {
			inos[i] = table.Alloc()
			require.LessOrEqual(t, uint32(inos[i]), uint32(1+len(inos)))
			table.Put(&inodes.Inode{Ino: inos[i], Parent: inodes.Root, Name: fmt.Sprint(i), Complete: true})
		}
		for _, ino := range inos {
			table.Free(ino)
		}
	}
}

// TestShadowOfADirectoryThatIsGone keeps the number of the directory that was, whoever has its slot now.
func TestShadowOfADirectoryThatIsGone(t *testing.T) {
	table := inodes.New()
	dir, shadow := table.Alloc(), table.Alloc()
	table.Put(&inodes.Inode{Ino: dir, Parent: inodes.Root, Name: "d", Dir: true, Complete: true})
	table.Link(dir)
	table.Put(&inodes.Inode{Ino: shadow, Parent: dir, Name: "f", Shadow: true})
	table.RemoveTree(dir, func(*inodes.Inode) {})
	other := table.Alloc()
	table.Put(&inodes.Inode{Ino: other, Parent: inodes.Root, Name: "e", Dir: true, Complete: true})
	require.Equal(t, uint32(dir), uint32(other))
	var in inodes.Inode
	require.True(t, table.Get(shadow, &in))
	require.Equal(t, dir, in.Parent)
}
