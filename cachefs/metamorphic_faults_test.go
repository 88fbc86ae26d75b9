package cachefs_test

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

const (
	// settled is how long nodes take to give a vote to one that has come (back): without it, losing another one may lose the
	// majority.
	settled = 10 * time.Second
	// copied is how long they take to make copies anew where a node has lost its own.
	copied = time.Minute
)

// fault breaks something, or mends it. What does not apply does nothing.
func (m *machine) fault(o op) (err error) {
	c, i := m.over, o.node%len(m.over.Nodes)
	up, room := !c.down[i] && c.frozen[i] == nil && !slices.Contains(c.pair, i), c.out() < c.spare()
	switch {
	case o.kind == "kill" && up && room:
		m.end(i, c.Kill)
		c.down[i] = true
	case o.kind == "start" && len(c.all(c.isDown)) > 0:
		m.begin(c.all(c.isDown)[0])
	case o.kind == "cut" && up && room && c.pair == nil:
		err = m.cutOff(i, o.seed%2 == 0)
	case o.kind == "heal" && (c.pair != nil || c.out() > len(c.all(c.isDown))):
		err = m.heal()
	case o.kind == "part" && up && room && c.client == nil && c.pair == nil && c.out() == len(c.all(c.isDown)):
		m.part(i, o.seed)
	case (o.kind == "restart" || o.kind == "crash" || o.kind == "kill" && len(c.Nodes) == 1) && up && (room || len(c.Nodes) == 1):
		m.end(i, map[string]func(int){"restart": func(i int) { c.Stop(i) }, "crash": c.Crash, "kill": c.Kill}[o.kind])
		m.begin(i)
		err = m.found(i)
	case o.kind == "link":
		m.link(i, o)
	case o.kind == "skew" && c.frozen[i] == nil: // less than what a mesh refuses
		c.Skew(i, time.Duration(int(o.seed%5)-2)*time.Minute)
	case o.kind == "stumble":
		stumble(c.Store.OnCall, int(o.seed%3))
	case o.kind == "side":
		m.side()
	default:
		return nil
	}
	c.faults[o.kind]++
	if c.out() > 1 {
		c.faults["two at once"]++
	}
	return err
}

func (c *metaNodes) isDown(i int) bool { return c.down[i] }

// settle lets the nodes find together again after one has come or gone.
func (m *machine) settle() {
	wait := settled
	if !m.cfg.durable {
		wait = copied
	}
	time.Sleep(time.Until(m.over.moved.Add(wait)))
}

// end ends a node.
func (m *machine) end(i int, how func(int)) {
	m.settle()
	m.leave(i)
	how(i)
	m.over.moved = time.Now()
}

// begin starts a node again.
func (m *machine) begin(i int) {
	c := m.over
	c.Start(i)
	c.down[i], c.fresh[i], c.moved = false, false, time.Now()
}

// found has a node alone look again at what it was not sure to remember: what it found in the store it tells its journal behind.
func (m *machine) found(i int) error {
	for p, e := range m.model.nodes {
		if len(m.over.Nodes) == 1 && e.outside {
			if _, err := m.over.Nodes[i].Stat(m.ctx, p, &cachefs.StatOptions{Sync: true}); err != nil {
				return err
			}
		}
	}
	return nil
}

// cutOff cuts a node off, alone or with those that are.
func (m *machine) cutOff(i int, together bool) error {
	m.settle()
	c := m.over
	if err := m.catchUp(i); err != nil {
		return err
	}
	c.frozen[i], c.moved = m.model.clone(), time.Now()
	groups := [][]int{c.all(func(k int) bool { return c.frozen[k] == nil })}
	cut := c.all(func(k int) bool { return c.frozen[k] != nil })
	if together {
		groups = append(groups, cut)
	} else {
		for _, k := range cut {
			groups = append(groups, []int{k})
		}
	}
	c.Partition(groups...)
	return nil
}

// cutOff reports whether a node reaches no majority.
func (c *metaNodes) cutOff(n cachefs.FileSystem) bool {
	i := slices.IndexFunc(c.Nodes, func(up *cachefs.Node) bool { return n == up })
	return i >= 0 && c.frozen[i] != nil
}

// part breaks the network between two nodes, one way or both. All others reach both.
func (m *machine) part(i int, seed uint32) {
	m.settle()
	c := m.over
	k := (i + 1) % len(c.Nodes)
	if c.down[k] {
		return
	}
	switch c.pair = []int{i, k}; seed % 3 {
	case 0:
		c.Cut(i, k)
	case 1:
		c.OneWay(i, k)
	default:
		c.OneWay(k, i)
	}
	c.moved = time.Now()
}

// heal lets all nodes reach each other.
func (m *machine) heal() error {
	c := m.over
	c.Heal()
	for i := range c.frozen {
		if c.frozen[i] != nil || slices.Contains(c.pair, i) {
			c.frozen[i], c.fresh[i] = nil, false
		}
	}
	c.pair, c.moved = nil, time.Now()
	return m.late()
}

// link makes one link, or all of them, fast again, slow, out of order, or one that loses packets.
func (m *machine) link(i int, o op) {
	l := []cachefstest.Link{
		{}, {Latency: 20 * time.Millisecond, Jitter: 20 * time.Millisecond}, {Latency: time.Millisecond, Jitter: 5 * time.Millisecond, Loss: 0.05},
	}[o.seed%3]
	if o.has("r") {
		m.over.SetLinks(l)
		return
	}
	m.over.SetLink(i, (i+1)%len(m.over.Nodes), l)
}

// stumble has a store refuse its next calls, fewer than would be noticed.
func stumble(onCall func(func(op, key string) error), calls int) {
	left := make(chan struct{}, calls)
	for range calls {
		left <- struct{}{}
	}
	onCall(func(string, string) error {
		select {
		case <-left:
			return &driver.Retryable{Err: errors.New("slow down")}
		default:
			return nil
		}
	})
}

// side has the second store answer nothing, or answer again: nothing of the first one may change by that.
func (m *machine) side() {
	c := m.over
	if c.ill = !c.ill; !c.ill {
		m.other.store.OnCall(nil)
		return
	}
	m.other.store.OnCall(func(string, string) error { return ufs.ErrUnavailable })
}

// mend ends all faults.
func (m *machine) mend() error {
	c := m.over
	if c.ill {
		m.side()
	}
	c.Store.OnCall(nil)
	for len(c.all(c.isDown)) > 0 {
		m.begin(c.all(c.isDown)[0])
	}
	if err := m.heal(); err != nil {
		return err
	}
	m.settle()
	return nil
}

// alone asks a node that is cut off: it shows what it knew, and changes nothing.
func (m *machine) alone(i int, o op) error {
	if mounted(o.path) {
		return nil // it may ask the store, which all reach
	}
	now := m.model
	defer func() { m.model = now }()
	m.model, m.node, m.behind = m.over.frozen[i], m.over.Nodes[i], false
	o.flags = ""
	switch o.kind {
	case "stat", "list":
		return m.do(o)
	case "mkdir":
		ctx, cancel := context.WithTimeout(m.ctx, 20*time.Second)
		defer cancel()
		err := m.node.Mkdir(ctx, o.path, nil)
		if err == nil {
			return errors.New("a node that is cut off changed something")
		}
		if !errors.Is(err, cachefs.ErrNoPrimary) { // that says that nobody has it
			m.over.asked = append(m.over.asked, o.path)
		}
	}
	return nil
}

// late looks what became of the changes that got no answer: what was under way to the primary may reach it when the network
// heals, once, or never.
func (m *machine) late() error {
	if len(m.over.asked) == 0 {
		return nil
	}
	m.settle()
	for _, p := range m.over.asked {
		if m.model.nodes[p] != nil {
			continue
		}
		info, err := m.over.Node().Stat(m.ctx, p, &cachefs.StatOptions{Consistent: true})
		if err == nil && info.IsDir() && m.model.reach(p) == nil {
			m.model.nodes[p] = &entry{dir: true}
		}
	}
	m.over.asked = nil
	return nil
}

// leave closes the files that are open on a node.
func (m *machine) leave(i int) {
	for k, h := range m.open {
		if h != nil && h.node == m.over.Nodes[i] {
			h.f.Close()
			m.open[k] = nil
		}
	}
}
