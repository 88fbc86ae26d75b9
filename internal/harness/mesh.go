//go:build unix

package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/millpond/millpond/journal"
)

// Mesh is processes that share one store and one secret, each with a name and an address of its own that outlive it.
type Mesh struct {
	Bin, Dir string
	Hosts    []string // host:port of each
	Secret   string
	TCPOnly  bool // firewalls do not see Unix sockets
	Memory   int64
	Disk     int64
	Dirs     map[int]string // where some of them live instead

	mu   sync.Mutex
	runs []*Process
	out  map[int]bool // not to be asked by a Load
}

// Start starts all processes beside each other.
func (m *Mesh) Start(ctx context.Context) error {
	if err := os.MkdirAll(m.store(), 0o700); err != nil {
		return err
	}
	m.runs = make([]*Process, len(m.Hosts))
	errs := make([]error, len(m.Hosts))
	var wg sync.WaitGroup
	for i := range m.Hosts {
		wg.Go(func() { errs[i] = m.Restart(ctx, i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (m *Mesh) store() string { return filepath.Join(m.Dir, "store") }

// Restart starts process i again, or for the first time.
func (m *Mesh) Restart(ctx context.Context, i int) error {
	dir := m.Dirs[i]
	if dir == "" {
		dir = filepath.Join(m.Dir, fmt.Sprintf("n%d", i))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	p, err := Start(ctx, m.Bin, Options{
		Name: fmt.Sprintf("n%d", i), Dir: dir, Store: m.store(), Bind: m.Hosts[i], Join: m.Hosts, Expect: len(m.Hosts),
		Secret: m.Secret, TCPOnly: m.TCPOnly, Memory: m.Memory, Disk: m.Disk,
	})
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.runs[i] = p
	return nil
}

// Process is process i as it was started last.
func (m *Mesh) Process(i int) *Process {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.runs[i]
}

// Alive are the processes that run.
func (m *Mesh) Alive() []*Process {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(m.runs), func(p *Process) bool { return p == nil || p.Dead() })
}

// Hide keeps process i from those that Open gives, or lets it back: it is stopped or cut off.
func (m *Mesh) Hide(i int, hidden bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.out == nil {
		m.out = map[int]bool{}
	}
	m.out[i] = hidden
}

// Open are the processes that run and are not hidden.
func (m *Mesh) Open() (list []*Process) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, p := range m.runs {
		if p != nil && !p.Dead() && !m.out[i] {
			list = append(list, p)
		}
	}
	return list
}

// Primary is the process that says that it leads; -1 if none of those that are open does.
func (m *Mesh) Primary(ctx context.Context) int {
	for _, p := range m.Open() {
		a, err := p.Do(ctx, Request{Op: "cluster"})
		if err != nil || a.Primary != a.Node {
			continue
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		return slices.Index(m.runs, p)
	}
	return -1
}

// Roles are the processes that are open, by the parts in the journal that they say they have.
func (m *Mesh) Roles(ctx context.Context) map[journal.Role][]int {
	roles := map[journal.Role][]int{}
	for _, p := range m.Open() {
		a, err := p.Do(ctx, Request{Op: "cluster"})
		if err != nil || a.Err != "" {
			continue
		}
		m.mu.Lock()
		if i := slices.Index(m.runs, p); i >= 0 {
			roles[journal.Role(a.Role)] = append(roles[journal.Role(a.Role)], i)
		}
		m.mu.Unlock()
	}
	return roles
}

// Kill ends all processes, and says what they last wrote.
func (m *Mesh) Kill() (logs string) {
	for _, p := range m.Alive() {
		_ = p.Continue() // one that is stopped
		_ = p.Kill()
		logs += fmt.Sprintf("== %s\n%s\n", p.Name, p.Log())
	}
	return logs
}
