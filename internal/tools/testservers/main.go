// Command testservers runs the tests of the under stores' drivers against real servers, one after the other: each is
// fetched, started and stopped by its script in internal/servers. It prints what go test prints, and closes with a
// table of the stores.
//
//	go run ./internal/tools/testservers [STORE...]
//
// It runs in the workspace's directory. The status is 1 if a test failed or a server did not come up, 0 if all is well
// or a store cannot run on this machine, which the table says.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// store is a server, and the modules whose tests run against it.
type store struct {
	name    string
	script  string   // in internal/servers
	tests   string   // a pattern of names
	modules []string // directories
	large   []string // those with TestLarge*
}

const (
	realServer = "^TestServer"
	oldServer  = "^Test(Server|Old)" // of S3's API as it was ten years ago
	// secureServer is what Kerberos may change: the rest is the same code as without. The table goes without its item of more than 1,000
	// children, for which every child's connection shakes hands: 20 s.
	secureServer = "^Test(Secure|Server(Appended|BlockEdges|Conformance|ModeAndOwner|NoPermission|SeveralNameNodes)$)/^([^5]|5[^1])"
	largeTests   = "^TestLarge" // of a store, without the race detector, under which they take minutes
)

// stores is the list that a new driver adds itself to.
func stores() []store {
	return []store{
		{"azure", "azurite.sh", realServer, []string{"ufs/azufs", "examples/bucket"}, nil},
		{"gcs", "fakegcs.sh", realServer, []string{"ufs/gcsufs", "examples/bucket"}, nil},
		{"gluster", "gluster.sh", realServer, []string{"ufs/fileufs", "examples/bucket"}, nil},
		{"hdfs", "hdfs.sh", realServer, []string{"ufs/hdfsufs", "examples/bucket"}, nil},
		{"hdfs-kerberos", "hdfs-kerberos.sh", secureServer, []string{"ufs/hdfsufs"}, nil},
		{"s3", "versitygw.sh", realServer, []string{"ufs/s3ufs", "examples/bucket", "examples/etl"}, []string{"ufs/s3ufs"}},
		{"s3api", "swift.sh", oldServer, []string{"ufs/s3ufs"}, nil},
		{"swift", "swift.sh", realServer, []string{"ufs/swiftufs", "examples/bucket"}, nil},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	chosen, err := choose(stores(), os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "testservers:", err)
		os.Exit(2)
	}
	var results []result
	for _, s := range chosen {
		results = append(results, s.test(ctx, os.Stdout))
	}
	printTable(os.Stdout, results)
	if slices.ContainsFunc(results, result.bad) {
		os.Exit(1)
	}
}

// choose keeps the stores that are named, all if none is.
func choose(all []store, names []string) (chosen []store, err error) {
	if len(names) == 0 {
		return all, nil
	}
	var have []string
	for _, s := range all {
		have = append(have, s.name)
		if slices.Contains(names, s.name) {
			chosen = append(chosen, s)
		}
	}
	for _, n := range names {
		if !slices.Contains(have, n) {
			return nil, fmt.Errorf("no store %q (have %s)", n, strings.Join(have, ", "))
		}
	}
	return chosen, nil
}
