package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/millpond/millpond/examples/internal/wordjob"
)

// process is a child as the parent sees it.
type process struct {
	name   string
	cmd    *exec.Cmd
	orders io.WriteCloser
	out    *json.Decoder
	stderr lockedBuffer
	last   answer
	killed bool
}

// lockedBuffer takes what a child writes to its standard error.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// start starts this program once more.
func start(name string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{name: name, cmd: exec.Command(self)}
	p.cmd.Env = append(os.Environ(), childEnv+"="+name)
	p.cmd.Stderr = &p.stderr
	if p.orders, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = json.NewDecoder(bufio.NewReader(out))
	return p, p.cmd.Start()
}

// do gives an order and waits for the answer.
func (p *process) do(o order) error {
	err := json.NewEncoder(p.orders).Encode(o)
	if err == nil {
		p.last = answer{}
		err = p.out.Decode(&p.last)
	}
	switch {
	case err != nil:
		return fmt.Errorf("%s, %s: %w %s", p.name, o.Do, err, p.stderr.String())
	case p.last.Err != "":
		return fmt.Errorf("%s, %s: %s", p.name, o.Do, p.last.Err)
	}
	return nil
}

// kill is kill -9.
func (p *process) kill() error {
	p.killed = true
	err := p.cmd.Process.Kill()
	_ = p.cmd.Wait() // it was killed
	return err
}

// job is one run: the processes, and what they were told.
type job struct {
	o       options
	secret  string
	all     []*process
	changes []string // acknowledged
	began   time.Time
}

// parent starts the processes, has them count, kills one, and checks the outcome.
func parent(ctx context.Context, o options, stdout, stderr io.Writer) (err error) {
	var secret [16]byte
	_, _ = rand.Read(secret[:])
	j := &job{o: o, secret: hex.EncodeToString(secret[:])}
	defer func() { err = errors.Join(err, j.end()) }()
	stop := context.AfterFunc(ctx, j.interrupt)
	defer stop()
	fmt.Fprintf(stdout, "%d processes count the words below %s\n", o.n, o.dir)
	if err := j.open(); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "one more process can join:\n  %s=%s go run ./examples/mesh -join %s\n", secretEnv, j.secret, j.all[len(j.all)-1].last.Addr)
	if err := j.run(stdout); err != nil {
		return err
	}
	printTable(stdout, j.all)
	if err := j.check(ctx, stdout); err != nil {
		return err
	}
	if o.stay {
		fmt.Fprintln(stdout, "\nCtrl-C ends the mesh")
		<-ctx.Done()
	}
	return nil
}

// interrupt ends the children when the user ends the parent: what waits for their answers gets none.
func (j *job) interrupt() {
	for _, p := range j.all {
		_ = p.cmd.Process.Signal(os.Interrupt)
	}
}

// end lets the children close their nodes, all at the same time.
func (j *job) end() error {
	return j.each(func(_ int, p *process) error {
		_ = p.orders.Close() // the end of its input
		if err := p.cmd.Wait(); err != nil {
			return fmt.Errorf("%s: %w %s", p.name, err, p.stderr.String())
		}
		return nil
	})
}

// open starts the processes. The first begins the namespace; the others join it.
func (j *job) open() error {
	for i := range j.o.n {
		p, err := start(fmt.Sprintf("process %d", i+1))
		if err != nil {
			return err
		}
		j.all = append(j.all, p)
	}
	open := order{Do: doOpen, Secret: j.secret, Store: wordjob.FileURL(j.o.dir), Memory: j.o.memory}
	if err := j.all[0].do(open); err != nil {
		return err
	}
	open.Join = j.all[0].last.Addr
	return j.each(func(i int, p *process) error {
		if i == 0 {
			return nil
		}
		return p.do(open)
	})
}

// each does something with all processes that live, at the same time.
func (j *job) each(do func(i int, p *process) error) error {
	var all sync.WaitGroup
	errs := make([]error, len(j.all))
	for i, p := range j.all {
		if !p.killed {
			all.Go(func() { errs[i] = do(i, p) })
		}
	}
	all.Wait()
	return errors.Join(errs...)
}

// run has all count both halves and make changes, and kills the primary between.
func (j *job) run(stdout io.Writer) error {
	j.began = time.Now()
	if err := j.each(func(i int, p *process) error { return p.do(order{Do: doCount, Share: i, Of: len(j.all)}) }); err != nil {
		return err
	}
	if err := j.change("before"); err != nil {
		return err
	}
	if err := j.killPrimary(stdout); err != nil {
		return err
	}
	if err := j.each(func(i int, p *process) error { return p.do(order{Do: doCount, Share: i, Of: len(j.all), Half: 1}) }); err != nil {
		return err
	}
	return j.change("after")
}

// change has each process make changes.
func (j *job) change(when string) error {
	var mu sync.Mutex
	return j.each(func(i int, p *process) error {
		for k := range 5 {
			name := fmt.Sprintf("%s-%d-%d", when, i+1, k)
			if err := p.do(order{Do: doChange, Name: name}); err != nil {
				return err
			}
			mu.Lock()
			j.changes = append(j.changes, name)
			mu.Unlock()
		}
		return nil
	})
}

// awaitStandbys waits until so many processes keep the journal that one may be lost: a process that has just started has no vote yet.
func (j *job) awaitStandbys() error {
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(50 * time.Millisecond) {
		if err := j.each(func(_ int, p *process) error { return p.do(order{Do: doLook}) }); err != nil {
			return err
		}
		for _, p := range j.all {
			if p.last.Primary && p.last.Voters >= 3 {
				return nil
			}
		}
	}
	return errors.New("there are no three voters after a minute")
}

// killPrimary kills the process that orders the changes, without a word. Two processes have no majority without one of them.
func (j *job) killPrimary(stdout io.Writer) error {
	if j.o.n < 3 {
		fmt.Fprintln(stdout, "nobody is killed: that needs 3 processes or more")
		return nil
	}
	if err := j.awaitStandbys(); err != nil {
		return err
	}
	for _, p := range j.all {
		if p.last.Primary {
			fmt.Fprintf(stdout, "half of it is listed and counted after %.1f s: kill -9 of %s, the primary\n", time.Since(j.began).Seconds(), p.name)
			return p.kill()
		}
	}
	return errors.New("no process is the primary")
}
