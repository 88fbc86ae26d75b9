package peer_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"strings"

	"github.com/millpond/millpond/peer"
)

// greeter answers calls, and has no blocks and no streams.
type greeter struct{}

func (greeter) ServeBlock(context.Context, string, *peer.BlockRequest, *peer.BlockWriter) error {
	return peer.ErrMissing
}

func (greeter) ServeCall(_ context.Context, from, method string, _ []byte) ([]byte, error) {
	return []byte(method + ", " + from), nil
}

func (greeter) ServeStream(_, _ string, conn net.Conn) { _ = conn.Close() }

// Two nodes meet, and one calls the other.
func ExampleOpen() {
	ctx := context.Background()
	a, err := peer.Open(ctx, peer.Config{Secret: "openssl rand -hex 32"}, peer.Options{ID: "a", Handler: greeter{}})
	if err != nil {
		log.Fatal(err)
	}
	defer a.Close()
	b, err := peer.Open(ctx, peer.Config{Secret: "openssl rand -hex 32", Join: []string{a.Addr()}}, peer.Options{ID: "b", Handler: greeter{}})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	for changed := b.Changed(); len(b.Members()) < 2; changed = b.Changed() {
		<-changed
	}
	answer, err := b.Call(ctx, "a", "hello", nil)
	fmt.Printf("%s %v\n", answer, err)
	fmt.Println(b.Members()[0].ID, b.Members()[0].State)
	// Output:
	// hello, b <nil>
	// a alive
}

// The owners of a key are the same wherever they are asked for.
func ExampleMesh_Owners() {
	a, err := peer.Open(context.Background(), peer.Config{}, peer.Options{ID: "a", Handler: greeter{}})
	if err != nil {
		log.Fatal(err)
	}
	defer a.Close()
	fmt.Println(a.Owners(nil, peer.Key{1, 2, 3}, 3))
	// Output: [a]
}

// Check says everything that is wrong at once.
func ExampleConfig_Check() {
	fmt.Println(peer.Config{Bind: ":7946", Join: []string{"10.1.2.3"}}.Check())
	// Output:
	// invalid argument: peer.Config.Bind is ":7946": beyond the loopback give a Secret (with Encrypt, if others read the network), or say Insecure
	// invalid argument: peer.Config.Join[0] is "10.1.2.3": use "host:port", "_service._tcp.name" or "file:/path"
}

// A program that is no node asks one.
func ExampleDial() {
	ctx := context.Background()
	a, err := peer.Open(ctx, peer.Config{Secret: "openssl rand -hex 32"}, peer.Options{ID: "a", Handler: greeter{}})
	if err != nil {
		log.Fatal(err)
	}
	defer a.Close()
	c, err := peer.Dial(peer.DialConfig{Secret: "openssl rand -hex 32", Addresses: []string{a.Addr()}})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	answer, err := c.Call(ctx, a.Addr(), "hello", nil)
	from := strings.TrimPrefix(string(answer), "hello, ")
	fmt.Println(peer.IsClient(from), err)
	fmt.Println(len(a.Members()))
	// Output:
	// true <nil>
	// 1
}
