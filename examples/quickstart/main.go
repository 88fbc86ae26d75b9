// Quickstart counts the words of a directory three times through Millpond: cold, warm, and after the node was closed
// and opened again. It writes the result through the cache, and checks it against plain reads of the same files.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/millpond/millpond/examples/internal/wordjob"
)

const usage = `Quickstart counts the words of all files below DIR three times through Millpond:

  cold      first reads, from DIR
  warm      the same node again, from memory
  reopened  the node closed and opened again: namespace from the journal, blocks from disk

It prints a table of the passes and the ten most frequent words, writes all counts to
counts.txt through the cache, and checks both against plain reads of DIR.

Usage: quickstart [flags] [DIR]      (default: the source of Go's standard library)

`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is main without the process: 0 all is well, 1 something failed or did not agree, 2 bad arguments.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "quickstart: %v\n", err)
		return 2
	}
	if err := wordjob.Run(ctx, o.job(), stdout, stderr); err != nil {
		fmt.Fprintf(stderr, "quickstart: %v\n", err)
		return 1
	}
	return 0
}

type options struct {
	dir     string // what is counted
	cache   string // journal and disk tier; "" a temporary one, removed at the end
	out     string // where counts.txt goes; "" inside cache
	memory  int64
	disk    int64
	workers int
}

// job counts the directory with the os package alone for its check. Links are not followed, as the under store does not.
func (o options) job() wordjob.Options {
	return wordjob.Options{
		Name: "quickstart", URL: wordjob.FileURL(o.dir), Cache: o.cache, Out: o.out, Memory: o.memory, Disk: o.disk, Workers: o.workers,
		Plain: func(ctx context.Context, file func(text []byte)) error {
			return filepath.WalkDir(o.dir, func(path string, d fs.DirEntry, err error) error {
				if err != nil || !d.Type().IsRegular() {
					return err
				}
				if err := ctx.Err(); err != nil {
					return err
				}
				text, err := os.ReadFile(path)
				if err == nil {
					file(text)
				}
				return err
			})
		},
	}
}

// parse reads the arguments; asked for help it prints that and returns flag.ErrHelp.
func parse(args []string, stdout io.Writer) (options, error) {
	var o options
	var memory, disk int
	fs := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // what is wrong is said once, by run
	fs.Usage = func() {}
	fs.StringVar(&o.cache, "cache", "", "`directory` of the journal and the disk tier, kept at the end (default: a temporary one)")
	fs.StringVar(&o.out, "out", "", "`directory` of counts.txt (default: output in the cache directory)")
	fs.IntVar(&memory, "memory", 256, "memory tier in `MiB`")
	fs.IntVar(&disk, "disk", 1024, "disk tier in `MiB`")
	fs.IntVar(&o.workers, "workers", runtime.GOMAXPROCS(0), "goroutines that count")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stdout, usage)
			fs.SetOutput(stdout)
			fs.PrintDefaults()
			return o, err
		}
		return o, fmt.Errorf("%w (-help shows the flags)", err)
	}
	if fs.NArg() > 1 {
		return o, fmt.Errorf("one directory at most, got %d: %q", fs.NArg(), fs.Args())
	}
	if err := wordjob.CheckSizes(o.workers, memory, disk); err != nil {
		return o, err
	}
	o.memory, o.disk = int64(memory)<<20, int64(disk)<<20
	o.dir = fs.Arg(0)
	if o.dir == "" {
		root, err := exec.Command("go", "env", "GOROOT").Output()
		if err != nil {
			return o, fmt.Errorf("no directory given, and the go command does not tell where its source is: %w", err)
		}
		o.dir = filepath.Join(strings.TrimSpace(string(root)), "src")
	}
	if err := checkDir(&o); err != nil {
		return o, err
	}
	return o, errors.Join(outside(o.dir, "-cache", o.cache), outside(o.dir, "-out", o.out))
}

// outside refuses a directory of ours that lies in the one that is counted: its files would be counted, too.
func outside(dir, flag, ours string) error {
	if ours == "" {
		return nil
	}
	abs, err := filepath.Abs(ours)
	if err != nil {
		return err
	}
	if rel, err := filepath.Rel(dir, abs); err == nil && filepath.IsLocal(rel) {
		return fmt.Errorf("%s is inside of %s, whose files are counted; give one beside it", flag, dir)
	}
	return nil
}

// checkDir makes the directory absolute and says what is wrong with it.
func checkDir(o *options) error {
	abs, err := filepath.Abs(o.dir)
	if err != nil {
		return err
	}
	info, err := os.Stat(abs)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if strings.Contains(o.dir, "://") {
			return fmt.Errorf("%s is no directory; examples/bucket counts what a URL names", o.dir)
		}
		return fmt.Errorf("no directory %s", abs)
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is a file; give the directory whose files are to be counted", abs)
	}
	o.dir = abs
	return nil
}
