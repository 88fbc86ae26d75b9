package cachefs_test

import (
	"context"
	"fmt"
	"io"
	"log"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/peer"
)

// A program that only consumes asks the nodes of a job.
func ExampleDial() {
	ctx := context.Background()
	node, err := cachefs.Open(ctx, cachefs.Config{Mesh: &peer.Config{Secret: "openssl rand -hex 32"}})
	if err != nil {
		log.Fatal(err)
	}
	defer node.Close()
	cluster, err := node.Cluster(ctx)
	if err != nil {
		log.Fatal(err)
	}
	client, err := cachefs.Dial(ctx, cachefs.DialConfig{Mesh: peer.DialConfig{
		Addresses: []string{cluster.Peers[0].Addr}, // or a DNS name that has those of all nodes
		Secret:    "openssl rand -hex 32",
	}})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	w, err := client.Create(ctx, "/greeting", nil)
	if err != nil {
		log.Fatal(err)
	}
	_, _ = io.WriteString(w, "hello") // Close has its error
	fmt.Println(w.Close())
	f, err := client.Open(ctx, "/greeting", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	fmt.Printf("%s %v\n", b, err)
	_, err = client.Stat(ctx, "/none", nil)
	fmt.Println(err)
	// Output:
	// <nil>
	// hello <nil>
	// stat /none: file does not exist
}
