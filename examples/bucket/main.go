// Bucket is the quick start's job over a bucket: it counts the words of all objects below a URL three times through
// Millpond, with the environment's credentials. The second pass makes no request.
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

	"github.com/millpond/millpond/examples/internal/plain"
	"github.com/millpond/millpond/examples/internal/wordjob"
	"github.com/millpond/millpond/ufs"
	_ "github.com/millpond/millpond/ufs/azufs"
	_ "github.com/millpond/millpond/ufs/gcsufs"
	_ "github.com/millpond/millpond/ufs/hdfsufs"
	_ "github.com/millpond/millpond/ufs/httpufs"
	_ "github.com/millpond/millpond/ufs/s3ufs"
	_ "github.com/millpond/millpond/ufs/swiftufs"
)

const usage = `Bucket counts the words of all objects below URL three times through Millpond: cold, warm, and
after the node was closed and opened again. It writes all counts to counts.txt through the cache,
and checks them against plain reads. Credentials come from the environment.

Usage: bucket [flags] URL      (s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, azblob://CONTAINER/PREFIX,
                               swift://CONTAINER/PREFIX, hdfs://NAMENODE:PORT/PATH,
                               https://HOST/DIR/, file:///DIR)

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
	case err == nil:
		if err = wordjob.Run(ctx, o, stdout, stderr); err == nil {
			return 0
		}
	default:
		fmt.Fprintf(stderr, "bucket: %v (-help shows how)\n", err)
		return 2
	}
	fmt.Fprintf(stderr, "bucket: %v\n", err)
	return 1
}

// parse reads the arguments; asked for help it prints that and returns flag.ErrHelp.
func parse(args []string, stdout io.Writer) (wordjob.Options, error) {
	o := wordjob.Options{Name: "bucket"}
	fs := flag.NewFlagSet("bucket", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // what is wrong is said once, by run
	fs.Usage = func() {}
	fs.StringVar(&o.Cache, "cache", "", "`directory` of the journal and the disk tier, kept at the end (default: a temporary one)")
	fs.StringVar(&o.Out, "out", "", "`directory` of counts.txt (default: output in the cache directory)")
	memory := fs.Int("memory", 256, "memory tier in `MiB`")
	disk := fs.Int("disk", 1024, "disk tier in `MiB`")
	fs.IntVar(&o.Workers, "workers", 4*runtime.GOMAXPROCS(0), "goroutines that read and count")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stdout, usage)
			fs.SetOutput(stdout)
			fs.PrintDefaults()
		}
		return o, err
	}
	if fs.NArg() != 1 {
		return o, fmt.Errorf("want one URL, got %d arguments", fs.NArg())
	}
	if err := wordjob.CheckSizes(o.Workers, *memory, *disk); err != nil {
		return o, err
	}
	o.URL, o.Memory, o.Disk = fs.Arg(0), int64(*memory)<<20, int64(*disk)<<20
	o.Plain = func(ctx context.Context, file func(text []byte)) error { return plainly(ctx, o.URL, file) }
	return o, nil
}

// plainly reads all objects through the driver alone.
func plainly(ctx context.Context, url string, file func(text []byte)) (err error) {
	s, err := ufs.Open(ctx, url, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return plain.Files(ctx, s, func(_ string, data []byte) error {
		file(data)
		return nil
	})
}
