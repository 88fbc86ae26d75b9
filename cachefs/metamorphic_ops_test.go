package cachefs_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// op is one operation of a metamorphic run: a line that prints, parses and runs again.
type op struct {
	kind  string
	path  string
	to    string // rename; list: prefix|start after
	flags string // letters: o overwrite, a append, p parents, r recursive, x abort, f force, s sync
	wt    int    // write type
	size  int
	off   int
	seed  uint32 // of the content
	h     int    // handle
	node  int    // that it runs on, or that a fault hits; the next one that is up and reached, when that is not
}

func (o op) String() string {
	to := o.to
	if to == "" {
		to = "-"
	}
	return fmt.Sprintf("%s %s %s f=%s wt=%d size=%d off=%d seed=%d h=%d n=%d", o.kind, o.path, to, o.flags, o.wt, o.size, o.off, o.seed, o.h, o.node)
}

// parseOp reads what String printed.
func parseOp(line string) (op, error) {
	f := strings.Fields(line)
	if len(f) != 10 {
		return op{}, fmt.Errorf("operation %q: %d words, want 10", line, len(f))
	}
	o := op{kind: f[0], path: f[1], to: f[2], flags: strings.TrimPrefix(f[3], "f=")}
	if o.to == "-" {
		o.to = ""
	}
	_, err := fmt.Sscanf(strings.Join(f[4:], " "), "wt=%d size=%d off=%d seed=%d h=%d n=%d", &o.wt, &o.size, &o.off, &o.seed, &o.h, &o.node)
	return o, err
}

func (o op) has(flag string) bool { return strings.Contains(o.flags, flag) }

// weight says how often a kind of operation comes.
type weight struct {
	kind string
	n    int
}

// weights says how often each kind comes: writes and looks most, restarts seldom, since each costs
// what fifty others do.
var weights = []weight{
	{"create", 22}, {"read", 14}, {"view", 4}, {"stat", 8}, {"list", 8}, {"mkdir", 8}, {"rename", 9}, {"remove", 8},
	{"attr", 3}, {"free", 4}, {"persist", 3}, {"load", 2}, {"outside", 4}, {"unlink", 2},
	{"open", 4}, {"hread", 6}, {"hclose", 2}, {"restart", 1}, {"crash", 1},
	{"mode", 4}, {"tag", 3}, {"locate", 3}, {"mount", 2}, {"unmount", 2}, {"forget", 3}, {"unseen", 2},
}

// generate makes n operations. Names come from a small pool, so that they meet.
func generate(seed uint64, n, block int, weights []weight) []op {
	rng := rand.New(rand.NewPCG(seed, 0x6d696c6c))
	total := 0
	for _, w := range weights {
		total += w.n
	}
	ops := make([]op, 0, n)
	for range n {
		k := rng.IntN(total)
		var kind string
		for _, w := range weights {
			if k -= w.n; k < 0 {
				kind = w.kind
				break
			}
		}
		ops = append(ops, randomOp(rng, kind, block))
	}
	return ops
}

func randomOp(rng *rand.Rand, kind string, block int) op {
	o := op{kind: kind, path: randomPath(rng), seed: rng.Uint32(), wt: rng.IntN(5), h: rng.IntN(4)}
	sizes := []int{0, 1, 9, 4096, block - 1, block, block + 1, 2*block + 77}
	o.size = sizes[rng.IntN(len(sizes))]
	if rng.IntN(3) == 0 {
		o.size = rng.IntN(3 * block)
	}
	o.off = rng.IntN(3*block + 10)
	if rng.IntN(4) == 0 {
		o.off = rng.IntN(3) * block
	}
	for _, f := range []struct {
		letter string
		in     int
	}{{"o", 2}, {"a", 5}, {"p", 2}, {"r", 2}, {"x", 6}, {"f", 3}, {"s", 4}} {
		if rng.IntN(f.in) == 0 {
			o.flags += f.letter
		}
	}
	switch kind {
	case "rename":
		o.to = randomPath(rng)
		if rng.IntN(2) == 0 { // most random pairs cross the mount: let half stay
			o.to = o.path[:2] + o.to[2:]
		}
	case "list":
		o.to = randomListing(rng)
	case "outside", "unlink", "persist", "load", "unseen":
		if !strings.HasPrefix(o.path, "/m") {
			o.path = "/m" + o.path[2:]
		}
	}
	return o
}

// randomListing is a prefix and a path to start after, each of them often empty.
func randomListing(rng *rand.Rand) string {
	rel := func() string {
		if rng.IntN(2) > 0 {
			return ""
		}
		p := strings.TrimPrefix(randomPath(rng), "/m")
		return strings.TrimPrefix(strings.TrimPrefix(p, "/a"), "/")
	}
	prefix := rel()
	return prefix[:rng.IntN(len(prefix)+1)] + "|" + rel()
}

// randomPath is one to three names deep below /a or the mount /m.
func randomPath(rng *rand.Rand) string {
	tops, names := []string{"/a", "/m", "/m"}, []string{"x", "y", "d", "e e", "%z?"}
	var p strings.Builder
	p.WriteString(tops[rng.IntN(len(tops))])
	for range rng.IntN(3) + rng.IntN(2) {
		p.WriteString("/" + strings.ReplaceAll(names[rng.IntN(len(names))], " ", "_"))
	}
	return p.String()
}

// content is the bytes that a seed stands for.
func content(seed uint32, n int) []byte {
	p := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24)}).Read(p)
	return p
}
