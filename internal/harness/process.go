//go:build unix

package harness

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
)

// ErrDied ends requests whose process ended before it answered: what they asked for may have happened or not.
var ErrDied = errors.New("the process died")

// Options are what a node is started with.
type Options struct {
	Name    string   // for people
	Dir     string   // journal and disk tier
	Store   string   // directory that is mounted at /m
	Bind    string   // host:port
	Join    []string // host:port of others
	Expect  int      // nodes that found the mesh together
	Secret  string
	TCPOnly bool
	Memory  int64 // bytes of the memory tier
	Disk    int64 // and of the disk tier
}

// Build makes the node program below dir and returns its path.
func Build(ctx context.Context, dir string) (string, error) {
	bin := filepath.Join(dir, "node")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", bin, "github.com/millpond/millpond/internal/harness/node")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the node: %w\n%s", err, out)
	}
	return bin, nil
}

// Process is one running node. Its methods may be called from any goroutine.
type Process struct {
	Options
	ID string

	cmd  *exec.Cmd
	in   io.WriteCloser
	errs *tail
	dead chan struct{} // closed when the process has ended
	mu   struct {
		sync.Mutex
		last    uint64
		waiting map[uint64]chan Answer
	}
}

// Start runs a node and returns when it can be asked. The process outlives ctx, which bounds the start.
func Start(ctx context.Context, bin string, o Options) (*Process, error) {
	opts, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	p := &Process{Options: o, cmd: exec.Command(bin, string(opts)), errs: &tail{}, dead: make(chan struct{})}
	p.mu.waiting = map[uint64]chan Answer{}
	p.cmd.Stderr = p.errs
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	ready := make(chan Answer, 1)
	p.mu.waiting[0] = ready
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go p.listen(out)
	select {
	case a, ok := <-ready:
		if !ok {
			return nil, fmt.Errorf("start %s: %w\n%s", o.Name, ErrDied, p.errs)
		}
		p.ID = a.Node
		return p, nil
	case <-ctx.Done():
		_ = p.Kill()
		return nil, fmt.Errorf("start %s: %w\n%s", o.Name, context.Cause(ctx), p.errs)
	}
}

// listen hands answers to who waits for them, until the process ends.
func (p *Process) listen(out io.Reader) {
	lines := bufio.NewReaderSize(out, 64<<10)
	for {
		line, err := lines.ReadBytes('\n')
		var a Answer
		if err != nil || json.Unmarshal(line, &a) != nil {
			break
		}
		p.mu.Lock()
		ch := p.mu.waiting[a.ID]
		delete(p.mu.waiting, a.ID)
		p.mu.Unlock()
		if ch != nil {
			ch <- a
		}
	}
	_ = p.cmd.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, ch := range p.mu.waiting {
		close(ch)
	}
	p.mu.waiting = nil
	close(p.dead)
}

// Do asks for one thing. Errors: ErrDied; ctx's, after which the process may still do it.
func (p *Process) Do(ctx context.Context, r Request) (Answer, error) {
	ch := make(chan Answer, 1)
	p.mu.Lock()
	if p.mu.waiting == nil {
		p.mu.Unlock()
		return Answer{}, ErrDied
	}
	p.mu.last++
	r.ID = p.mu.last
	p.mu.waiting[r.ID] = ch
	line, err := json.Marshal(r)
	if err == nil {
		_, err = p.in.Write(append(line, '\n'))
	}
	p.mu.Unlock()
	if err != nil {
		return Answer{}, ErrDied
	}
	select {
	case a, ok := <-ch:
		if !ok {
			return Answer{}, ErrDied
		}
		return a, nil
	case <-ctx.Done():
		return Answer{}, context.Cause(ctx)
	}
}

// Kill ends the process as kill -9 does, and returns when it is gone.
func (p *Process) Kill() error {
	err := p.cmd.Process.Kill()
	<-p.dead
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// Dump ends the process with a list of what its goroutines do, for the end of Log.
func (p *Process) Dump() {
	_ = p.cmd.Process.Signal(syscall.SIGQUIT)
	<-p.dead
}

// Stop freezes the process as SIGSTOP does; Continue lets it go on.
func (p *Process) Stop() error     { return p.cmd.Process.Signal(syscall.SIGSTOP) }
func (p *Process) Continue() error { return p.cmd.Process.Signal(syscall.SIGCONT) }

// Dead reports whether the process has ended.
func (p *Process) Dead() bool {
	select {
	case <-p.dead:
		return true
	default:
		return false
	}
}

// Shutdown lets the node leave gracefully and returns when the process is gone.
func (p *Process) Shutdown(ctx context.Context) error {
	a, err := p.Do(ctx, Request{Op: "shutdown"})
	switch {
	case errors.Is(err, ErrDied):
	case err != nil:
		return err
	case a.Err != "":
		return errors.New(a.Err)
	}
	select {
	case <-p.dead:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Log is the end of what the process wrote to its standard error.
func (p *Process) Log() string { return p.errs.String() }

// tail keeps the last bytes that were written.
type tail struct {
	mu sync.Mutex
	b  bytes.Buffer
}

const tailBytes = 256 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b.Write(p)
	if over := t.b.Len() - tailBytes; over > 0 {
		t.b.Next(over)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}
