package cachefs_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/ufs/memufs"
)

// linOp is one call of a history; its answer is a short word.
type linOp struct {
	kind, path, to string
	mode           uint32
}

// linState is the tree as a sorted list of "path kind mode", so that states compare by value.
type linState string

func (s linState) tree() map[string]string {
	t := map[string]string{}
	for line := range strings.SplitSeq(string(s), "\n") {
		if p, what, ok := strings.Cut(line, " "); ok {
			t[p] = what
		}
	}
	return t
}

func stateOf(t map[string]string) linState {
	var b strings.Builder
	for _, p := range slices.Sorted(maps.Keys(t)) {
		fmt.Fprintf(&b, "%s %s\n", p, t[p])
	}
	return linState(b.String())
}

// linModel says what each call answers in a state, and which state follows.
func linModel(root string) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return stateOf(map[string]string{root: "d 755"}) },
		Step: func(state, input, output any) (bool, any) {
			want, next := linStep(state.(linState).tree(), input.(linOp))
			if output == unknown { // it may stand behind all others, where nobody sees it
				return true, stateOf(next)
			}
			ok := slices.Contains(strings.Split(want, "|"), output.(string)) || want == output.(string)
			return ok, stateOf(next)
		},
		Equal:             func(a, b any) bool { return a == b },
		DescribeOperation: func(in, out any) string { return fmt.Sprintf("%v -> %v", in, out) },
	}
}

func linStep(t map[string]string, o linOp) (string, map[string]string) {
	reach := func(p string) string {
		for q := parent(p); ; q = parent(q) {
			if what, ok := t[q]; ok {
				if what[0] == 'f' {
					return "notdir"
				}
				if q == parent(p) {
					return ""
				}
				return "notexist"
			}
		}
	}
	what, there := t[o.path]
	if o.kind == "rename" {
		return linRename(t, o, there, reach)
	}
	if !there {
		if why := reach(o.path); why != "" {
			return why, t
		}
	}
	switch o.kind {
	case "mkdir", "create":
		if there {
			return "exist", t
		}
		t[o.path] = map[string]string{"mkdir": "d 755", "create": "f 644"}[o.kind]
		return "ok", t
	case "stat":
		if !there {
			return "notexist", t
		}
		return what, t
	case "chmod":
		if !there {
			return "notexist", t
		}
		t[o.path] = fmt.Sprintf("%c %o", what[0], o.mode)
		return "ok", t
	case "list":
		return linList(t, o.path, what, there), t
	case "remove":
		if !there {
			return "notexist", t
		}
		for p := range t {
			if parent(p) == o.path {
				return "notempty", t
			}
		}
		delete(t, o.path)
		return "ok", t
	}
	return "unknown operation", t
}

func linList(t map[string]string, dir, what string, there bool) string {
	switch {
	case !there:
		return "notexist"
	case what[0] == 'f':
		return "notdir"
	}
	var names []string
	for p := range t {
		if parent(p) == dir {
			names = append(names, p[len(dir)+1:])
		}
	}
	slices.Sort(names)
	return strings.Join(names, ",")
}

// linRename answers any of the reasons that hold: which one is looked at first is nobody's promise.
func linRename(t map[string]string, o linOp, there bool, reach func(string) string) (string, map[string]string) {
	var why []string
	if !there {
		why = append(why, "notexist")
		if w := reach(o.path); w != "" {
			why = append(why, w)
		}
	}
	if o.path == o.to && there {
		return "ok", t
	}
	if under(o.path, o.to) {
		why = append(why, "invalid")
	}
	if w := reach(o.to); w != "" {
		why = append(why, w)
	}
	if _, ok := t[o.to]; ok {
		why = append(why, "exist")
	}
	if len(why) > 0 {
		return strings.Join(why, "|"), t
	}
	moved := map[string]string{}
	for p, w := range t {
		if p == o.path || under(o.path, p) {
			p = o.to + p[len(o.path):]
		}
		moved[p] = w
	}
	return "ok", moved
}

// linCall does the call and turns its answer into the model's word. Among several nodes looks want the latest.
func linCall(ctx context.Context, n *cachefs.Node, o linOp, latest bool) (word string, err error) {
	switch o.kind {
	case "mkdir":
		err = n.Mkdir(ctx, o.path, nil)
	case "create":
		var w *cachefs.Writer
		if w, err = n.Create(ctx, o.path, nil); err == nil {
			err = w.Close()
		}
	case "stat":
		var info *cachefs.Info
		if info, err = n.Stat(ctx, o.path, &cachefs.StatOptions{Consistent: latest}); err == nil {
			kind := 'f'
			if info.IsDir() {
				kind = 'd'
			}
			return fmt.Sprintf("%c %o", kind, info.Mode().Perm()), nil
		}
	case "chmod":
		mode := fs.FileMode(o.mode)
		err = n.SetAttr(ctx, o.path, &cachefs.AttrOptions{Mode: &mode})
	case "list":
		var names []string
		for info, e := range n.List(ctx, o.path, &cachefs.ListOptions{Consistent: latest}) {
			if e != nil {
				err = e
				break
			}
			names = append(names, info.Name())
		}
		if err == nil {
			return strings.Join(names, ","), nil
		}
	case "remove":
		err = n.Remove(ctx, o.path, nil)
	case "rename":
		for err = cachefs.ErrBusy; errors.Is(err, cachefs.ErrBusy); { // until who writes there has closed
			err = n.Rename(ctx, o.path, o.to, nil)
		}
	}
	return linWord(err), err
}

func linWord(err error) string {
	for _, w := range []struct {
		err  error
		word string
	}{
		{cachefs.ErrExist, "exist"}, {cachefs.ErrNotDir, "notdir"}, {cachefs.ErrNotExist, "notexist"},
		{cachefs.ErrNotEmpty, "notempty"}, {cachefs.ErrInvalid, "invalid"},
	} {
		if errors.Is(err, w.err) {
			return w.word
		}
	}
	if err != nil {
		return err.Error()
	}
	return "ok"
}

func randomLinOp(rng *rand.Rand, root string) linOp {
	path := func() string {
		var p strings.Builder
		p.WriteString(root)
		for range 1 + rng.IntN(3) {
			p.WriteString("/" + string("ab"[rng.IntN(2)]))
		}
		return p.String()
	}
	kinds := []string{"mkdir", "mkdir", "create", "stat", "stat", "list", "remove", "remove", "rename", "rename", "chmod"}
	return linOp{kinds[rng.IntN(len(kinds))], path(), path(), uint32(0o700 + rng.IntN(64))}
}

// TestLinearizable runs calls on the same, sibling and crossing paths from several goroutines and asks
// porcupine for an order of them that explains all answers.
func TestLinearizable(t *testing.T) {
	for _, root := range []string{"/r", "/m"} {
		t.Run(root[1:], func(t *testing.T) {
			for seed := range uint64(12) {
				linearizable(t, root, seed)
			}
		})
	}
}

func linearizable(t *testing.T, root string, seed uint64) {
	ctx := t.Context()
	cfg := cachefs.Config{}
	if root == "/m" {
		cfg.Mounts = []cachefs.MountConfig{{Path: "/m", Store: memufs.New(nil).UFS()}}
	}
	n, err := cachefs.Open(ctx, cfg)
	require.NoError(t, err)
	defer n.Close()
	if root == "/r" {
		require.NoError(t, n.Mkdir(ctx, root, nil))
	}
	const clients, each = 5, 40
	var mu sync.Mutex
	var history []porcupine.Operation
	start := time.Now()
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(c)))
			for range each {
				o := randomLinOp(rng, root)
				call := time.Since(start).Nanoseconds()
				out, err := linCall(ctx, n, o, false)
				if errors.Is(err, cachefs.ErrLeaseLost) { // created, then removed by somebody before Close
					out = "ok"
				}
				ret := time.Since(start).Nanoseconds()
				mu.Lock()
				history = append(history, porcupine.Operation{ClientId: c, Input: o, Call: call, Output: out, Return: ret})
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.SortFunc(history, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	res, info := porcupine.CheckOperationsVerbose(linModel(root), history, 30*time.Second)
	if res == porcupine.Illegal {
		t.Fatalf("seed %d: %s", seed, misfit(history, info))
	}
	require.Equal(t, porcupine.Ok, res, "seed %d: undecided", seed)
}

// misfit shows a history that no order explains, and the first calls that do not fit.
func misfit(history []porcupine.Operation, info porcupine.LinearizationInfo) string {
	var longest []int
	for _, p := range info.PartialLinearizations() {
		for _, l := range p {
			if len(l) > len(longest) {
				longest = l
			}
		}
	}
	var all, rest strings.Builder
	for i, op := range history {
		line := fmt.Sprintf("%d %d..%d %v -> %v\n", op.ClientId, op.Call, op.Return, op.Input, op.Output)
		all.WriteString(line)
		if !slices.Contains(longest, i) && strings.Count(rest.String(), "\n") < 12 {
			rest.WriteString(line)
		}
	}
	return fmt.Sprintf("no order explains this history (at most %d of %d calls):\n%sthe first that do not fit:\n%s", len(longest), len(history), all.String(), rest.String())
}

// TestLinearModelRefuses shows that the checker can say no.
func TestLinearModelRefuses(t *testing.T) {
	h := []porcupine.Operation{
		{ClientId: 0, Input: linOp{kind: "mkdir", path: "/r/a"}, Call: 0, Output: "ok", Return: 1},
		{ClientId: 0, Input: linOp{kind: "stat", path: "/r/a"}, Call: 2, Output: "notexist", Return: 3},
	}
	require.False(t, porcupine.CheckOperations(linModel("/r"), h))
}
