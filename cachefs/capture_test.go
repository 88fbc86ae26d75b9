package cachefs_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/certtest"
	"github.com/millpond/millpond/internal/netsim"
	"github.com/millpond/millpond/peer"
)

// capture is all that goes over a network: each direction of a connection in order, and each packet.
type capture struct {
	mu      sync.Mutex
	streams map[[2]string]*bytes.Buffer // by who sends to whom
	packets []netsim.Sent
}

func captureAll(n *netsim.Net) *capture {
	c := &capture{streams: map[[2]string]*bytes.Buffer{}}
	n.Tap(func(s netsim.Sent) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if s.Packet {
			s.Bytes = bytes.Clone(s.Bytes)
			c.packets = append(c.packets, s)
			return
		}
		way := [2]string{s.From, s.To}
		if c.streams[way] == nil {
			c.streams[way] = &bytes.Buffer{}
		}
		c.streams[way].Write(s.Bytes)
	})
	return c
}

// has reports which of some words were sent.
func (c *capture) has(words ...string) (found []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range words {
		in := func(b []byte) bool { return bytes.Contains(b, []byte(w)) }
		sent := slices.ContainsFunc(c.packets, func(s netsim.Sent) bool { return in(s.Bytes) })
		for _, b := range c.streams {
			sent = sent || in(b.Bytes())
		}
		if sent {
			found = append(found, w)
		}
	}
	return found
}

// size is how many bytes were sent over connections.
func (c *capture) size() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range c.streams {
		n += b.Len()
	}
	return n
}

// Words that stand in names, attributes and contents, each where one thing alone brings it over the network.
const (
	wordDir        = "a-directory-of-secrets"
	wordFile       = "a-file-of-secrets"
	wordRenamed    = "another-name-of-it"
	wordAttribute  = "user.an-attribute"
	wordUser       = "somebody-by-name"
	wordWritten    = "what was written here; "
	wordStored     = "what the store has had; "
	wordStoredName = "stored-for-long"
	wordCheckpoint = "before-the-checkpoint"
)

var words = []string{wordDir, wordFile, wordRenamed, wordAttribute, wordUser, wordWritten, wordStored, wordStoredName, wordCheckpoint}

// useAll lets three nodes do all that brings names and contents over the network, then a fourth one join, which fetches a checkpoint.
func useAll(t *testing.T, network *netsim.Net, configure func(c *cachefs.Config)) {
	r := openMeshOver(t, network, 3, func(h *netsim.Host) peer.Network { return h }, configure)
	time.Sleep(5 * time.Second)
	ctx := cachefs.WithUser(t.Context(), cachefs.User{Name: wordUser})
	for i, n := range r.nodes {
		dir := fmt.Sprint("/mem/", wordDir, i)
		require.NoError(t, n.Mkdir(ctx, dir, nil))
		path := fmt.Sprint(dir, "/", wordFile)
		text := strings.Repeat(wordWritten, 20_000)
		require.NoError(t, writeFile(ctx, n, path, []byte(text), cachefs.CreateOptions{WriteType: cachefs.AsyncThrough}))
		require.NoError(t, n.SetAttr(ctx, path, &cachefs.AttrOptions{Xattr: map[string][]byte{wordAttribute: {1}}}))
		require.NoError(t, n.Rename(ctx, path, fmt.Sprint(dir, "/", wordRenamed), nil))
	}
	r.store.Put(wordStoredName, []byte(strings.Repeat(wordStored, 100_000)))
	for i := range r.nodes {
		_, err := r.read(i, wordStoredName, nil)
		require.NoError(t, err)
	}
	for i := range 200 {
		require.NoError(t, r.nodes[0].Mkdir(ctx, fmt.Sprint("/", wordCheckpoint, i), nil))
	}
	time.Sleep(5 * time.Second)
	late := openMeshNode(t, r, network, 3, configure)
	require.NotZero(t, late.Metrics().Journal.Fetched, "it has fetched a checkpoint")
	_, err := late.Stat(ctx, "/"+wordCheckpoint+"0", nil)
	require.NoError(t, err)
}

// TestCapturedMesh: who records all that a mesh with TLS sends finds no name and no content in it, whatever its nodes do. Without
// TLS he finds each, so that this is a test.
func TestCapturedMesh(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(t *testing.T, c *peer.Config)
		want []string
	}{
		"secret alone":          {func(*testing.T, *peer.Config) {}, words},
		"Encrypt":               {func(_ *testing.T, c *peer.Config) { c.Encrypt = true }, nil},
		"people's certificates": {func(t *testing.T, c *peer.Config) { c.TLS = certtest.Mesh(t) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) {
				var mesh peer.Config
				c.set(t, &mesh)
				network := netsim.New(1)
				tape := captureAll(network)
				useAll(t, network, func(c *cachefs.Config) {
					c.Mesh.Encrypt, c.Mesh.TLS = mesh.Encrypt, mesh.TLS
					c.Journal.CheckpointEvery, c.Journal.CheckpointsKept = 50, 1
				})
				require.Greater(t, tape.size(), 3<<20)
				require.Greater(t, len(tape.packets), 100)
				found := tape.has(append(slices.Clone(words), meshSecret)...)
				require.Equal(t, c.want, found)
			})
		})
	}
}
