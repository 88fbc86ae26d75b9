// Etl is an ETL job with the cache inside it: it reads orders from one place of a bucket twice, shuffles them through
// temporary files of the cache, and writes them to another place, a file a day. Then it checks itself.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/millpond/millpond/examples/internal/wordjob"
	"github.com/millpond/millpond/ufs"
	_ "github.com/millpond/millpond/ufs/fileufs"
	_ "github.com/millpond/millpond/ufs/s3ufs" // another bucket is another import
)

const usage = `Etl turns orders (.csv with the header id,time,shop,cents, or .jsonl with these fields) below INPUT
into day=YYYY-MM-DD/orders.csv below OUTPUT, sorted, each with its percentage of its shop's mean order:

  profile    reads all of INPUT: days, and the mean order of each shop
  transform  reads it again, from the cache, and shuffles it into a temporary file a day
  write      sorts each day and writes it to the cache; the uploads go on behind
  persist    waits for them
  check      computes OUTPUT from plain reads of INPUT, and compares

Credentials come from the environment. The bucket, or the directory, has to exist. OUTPUT must be empty.

Usage: etl [flags] INPUT OUTPUT      (s3://BUCKET/PREFIX?region=, file:///DIR)

`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is main without the process: 0 all is well, 1 something failed or the output is wrong, 2 bad arguments.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "etl: %v (-help shows how)\n", err)
		return 2
	}
	if err := o.run(ctx, stdout, stderr); err != nil {
		fmt.Fprintf(stderr, "etl: %v\n", err)
		return 1
	}
	return 0
}

type options struct {
	input, output string // URLs
	generate      int    // orders to make up; 0: the input is there
	memory, disk  int64  // tiers, bytes
	workers       int    // files at a time
}

// parse reads the arguments; asked for help it prints that and returns flag.ErrHelp.
func parse(args []string, stdout io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet("etl", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // what is wrong is said once, by run
	fs.Usage = func() {}
	fs.IntVar(&o.generate, "generate", 0, "make up this many `orders` first, in INPUT, which must be empty")
	memory := fs.Int("memory", 256, "memory tier in `MiB`")
	disk := fs.Int("disk", 1024, "disk tier in `MiB`: what does not fit into memory goes to a temporary directory")
	fs.IntVar(&o.workers, "workers", 2*runtime.GOMAXPROCS(0), "files that are read or written at a time")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stdout, usage)
			fs.SetOutput(stdout)
			fs.PrintDefaults()
		}
		return o, err
	}
	if fs.NArg() != 2 {
		return o, fmt.Errorf("want INPUT and OUTPUT, got %d arguments", fs.NArg())
	}
	if o.generate < 0 {
		return o, fmt.Errorf("-generate is %d; want at least 0", o.generate)
	}
	if err := wordjob.CheckSizes(o.workers, *memory, *disk); err != nil {
		return o, err
	}
	o.input, o.output = fs.Arg(0), fs.Arg(1)
	o.memory, o.disk = int64(*memory)<<20, int64(*disk)<<20
	return o, nil
}

// run opens the two places, makes up the input if asked to, and runs the job between them.
func (o options) run(ctx context.Context, stdout, stderr io.Writer) (err error) {
	in, err := ufs.Open(ctx, o.input, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := ufs.Open(ctx, o.output, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if o.generate > 0 {
		if err := generate(ctx, in, o.generate); err != nil {
			return err
		}
	}
	return runJob(ctx, in, out, o, stdout, stderr)
}
