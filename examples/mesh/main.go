// Mesh starts itself as several processes that share one cache. Each counts the words of all files of a directory; the
// directory is read once, for all of them. Half-way the process that orders the changes is killed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

const usage = `Mesh starts itself as several processes on this machine that find each other and become one cache: one namespace,
each other's blocks, no server. Each process counts the words of all files below DIR, and makes changes to
the namespace. When all have counted half of the files, the one that orders the changes is killed (-9); the others go on.

It prints a table of the processes, then the proof, and exits with 1 if that fails:

  read once     the bytes that came from DIR are the bytes that DIR has
  equal counts  each process has counted what plain reads of DIR count
  no change lost, before the kill and after it, on no process

Usage: mesh [flags] [DIR]      (default: the source of Go's standard library)
       MESH_SECRET=... mesh -join ADDR      one more process, from another terminal

`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// Environment: the secret, for a process that is started by hand; and that this process is one of those that mesh starts.
const (
	secretEnv = "MESH_SECRET"
	childEnv  = "MESH_CHILD"
)

// run is main without the process: 0 all is well, 1 something failed or did not agree, 2 bad arguments.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if os.Getenv(childEnv) != "" {
		return exit(stderr, child(ctx, stdin, stdout))
	}
	o, err := parse(args, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "mesh: %v\n", err)
		return 2
	case o.join != "":
		return exit(stderr, joiner(ctx, o, stdout))
	}
	return exit(stderr, parent(ctx, o, stdout, stderr))
}

func exit(stderr io.Writer, err error) int {
	if err != nil {
		fmt.Fprintf(stderr, "mesh: %v\n", err)
		return 1
	}
	return 0
}

type options struct {
	dir    string // what is counted
	n      int    // processes
	memory int64  // tier of each
	stay   bool   // until the user ends it, so that others can join
	join   string // address of a process; this one joins it
}

// parse reads the arguments; asked for help it prints that and returns flag.ErrHelp.
func parse(args []string, stdout io.Writer) (options, error) {
	var o options
	var memory int
	fs := flag.NewFlagSet("mesh", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // what is wrong is said once, by run
	fs.Usage = func() {}
	fs.IntVar(&o.n, "n", 3, "`processes`; the kill needs 3 or more, so that a majority is left")
	fs.IntVar(&memory, "memory", 256, "memory tier of each process in `MiB`")
	fs.BoolVar(&o.stay, "stay", false, "go on until Ctrl-C, so that more processes can join")
	fs.StringVar(&o.join, "join", "", "be one more process of the mesh at `ADDR`, whose secret is in "+secretEnv)
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stdout, usage)
			fs.SetOutput(stdout)
			fs.PrintDefaults()
			return o, err
		}
		return o, fmt.Errorf("%w (-help shows the flags)", err)
	}
	var err error
	fs.Visit(func(f *flag.Flag) {
		if o.join != "" && (f.Name == "n" || f.Name == "stay") {
			err = fmt.Errorf("-%s is of a mesh that begins: leave it out beside -join", f.Name)
		}
	})
	switch {
	case err != nil:
		return o, err
	case fs.NArg() > 1:
		return o, fmt.Errorf("one directory at most, got %d: %q", fs.NArg(), fs.Args())
	case o.join != "" && fs.NArg() > 0:
		return o, fmt.Errorf("a process that joins counts what the mesh counts: leave %q out", fs.Arg(0))
	case o.n < 1 || o.n > 32:
		return o, fmt.Errorf("-n is %d; want 1 to 32", o.n)
	case memory < 8 || memory > 1<<20:
		return o, fmt.Errorf("-memory is %d; want 8 MiB to %d MiB", memory, 1<<20)
	}
	o.memory = int64(memory) << 20
	if o.join != "" {
		return o, nil
	}
	return o, findDir(&o, fs.Arg(0))
}

// findDir makes the directory absolute, and says what is wrong with it.
func findDir(o *options, dir string) (err error) {
	if dir == "" {
		root, err := exec.Command("go", "env", "GOROOT").Output()
		if err != nil {
			return fmt.Errorf("no directory given, and the go command does not tell where its source is: %w", err)
		}
		dir = filepath.Join(strings.TrimSpace(string(root)), "src")
	}
	if o.dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	info, err := os.Stat(o.dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("no directory %s", o.dir)
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is a file; give the directory whose files are to be counted", o.dir)
	}
	return nil
}
