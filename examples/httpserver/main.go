// Command httpserver serves a directory over HTTP through a cache in memory: ranges, indexes and
// conditional requests come from net/http, the bytes from Millpond.
//
//	go run ./examples/httpserver [-listen ADDR] [DIR]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/millpond/millpond/cachefs"
	_ "github.com/millpond/millpond/ufs/fileufs" // the file:// scheme
)

func main() {
	listen, dir, err := parse(os.Args[1:], os.Stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintln(os.Stderr, "httpserver:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, listen, dir, func(addr string) { fmt.Printf("serving on http://%s\n", addr) }); err != nil {
		fmt.Fprintln(os.Stderr, "httpserver:", err)
		os.Exit(1)
	}
}

// parse reads the arguments; asked for help it prints that and returns flag.ErrHelp.
func parse(args []string, stdout io.Writer) (listen, dir string, err error) {
	fs := flag.NewFlagSet("httpserver", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // what is wrong is said once, by main
	fs.Usage = func() {}
	fs.StringVar(&listen, "listen", "127.0.0.1:8080", "`address` to serve on")
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintln(stdout, "usage: httpserver [-listen ADDR] [DIR]\nserves DIR (default: the current directory) through a cache in memory")
		fs.SetOutput(stdout)
		fs.PrintDefaults()
		return "", "", err
	case err != nil:
		return "", "", fmt.Errorf("%w (-help shows the flags)", err)
	case fs.NArg() > 1:
		return "", "", fmt.Errorf("one directory at most, got %d: %q (-help shows the flags)", fs.NArg(), fs.Args())
	}
	return listen, fs.Arg(0), nil
}

// serve answers on listen until ctx ends; ready is told the address.
func serve(ctx context.Context, listen, dir string, ready func(addr string)) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	node, err := cachefs.Open(ctx, cachefs.Config{
		Mounts: []cachefs.MountConfig{{Path: "/www", URL: fileURL(dir), ReadOnly: true, Sync: 10 * time.Second}},
	})
	if err != nil {
		return err
	}
	defer node.Close()
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	srv := &http.Server{
		Handler:           http.FileServerFS(cachefs.IOFS(context.WithoutCancel(ctx), node, "/www")),
		ReadHeaderTimeout: 5 * time.Second,
	}
	ready(l.Addr().String())
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-ctx.Done()
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		srv.Shutdown(bounded)
	}()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	<-done
	return nil
}

// fileURL is the URL of an absolute directory, whose name may have what a URL gives a meaning: '%', '?', '#'.
func fileURL(dir string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(dir)}).String()
}
