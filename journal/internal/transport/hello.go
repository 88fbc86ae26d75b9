package transport

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// Cluster names one history of changes.
type Cluster [16]byte

func (c Cluster) String() string { return hex.EncodeToString(c[:]) }

// Kind says what a stream is for.
type Kind byte

// The kinds of streams.
const (
	KindRaft       Kind = 1
	KindCheckpoint Kind = 2
)

const (
	helloMagic   = "MPJS"
	helloVersion = 1
	helloLen     = 4 + 1 + 1 + 16
	answerLen    = 1 + 16
	// helloTime bounds a hello and its answer: two messages on a connection that is there.
	helloTime = 2 * time.Second
)

const (
	welcome      byte = 0
	otherCluster byte = 1
	otherVersion byte = 2
	notReady     byte = 3
)

// ErrNotReady says that the other node does not take part yet, or no longer.
var ErrNotReady = errors.New("the other node's journal does not run")

// ClusterError says that two nodes hold different histories, which are never merged.
type ClusterError struct {
	Node         string // the other one
	Ours, Theirs Cluster
}

func (e *ClusterError) Error() string {
	return fmt.Sprintf("node %s belongs to journal %s, this node to journal %s: histories are not merged; empty the directory of the nodes whose history is to go", e.Node, e.Theirs, e.Ours)
}

// greet says hello on a stream that was dialled to node, and reads the answer.
func greet(conn net.Conn, node string, kind Kind, c Cluster) error {
	if err := conn.SetDeadline(time.Now().Add(helloTime)); err != nil {
		return err
	}
	b := append(make([]byte, 0, helloLen), helloMagic...)
	b = append(append(b, helloVersion, byte(kind)), c[:]...)
	if _, err := conn.Write(b); err != nil {
		return err
	}
	var a [answerLen]byte
	if _, err := io.ReadFull(conn, a[:]); err != nil {
		return err
	}
	switch a[0] {
	case welcome:
		return conn.SetDeadline(time.Time{})
	case otherCluster:
		return &ClusterError{Node: node, Ours: c, Theirs: Cluster(a[1:])}
	case notReady:
		return fmt.Errorf("%w: %s", ErrNotReady, node)
	default:
		return fmt.Errorf("node %s does not take journal streams of version %d", node, helloVersion)
	}
}

// receive reads a hello and answers it.
func receive(conn net.Conn, from string, c Cluster, ready bool) (Kind, error) {
	if err := conn.SetDeadline(time.Now().Add(helloTime)); err != nil {
		return 0, err
	}
	var b [helloLen]byte
	if _, err := io.ReadFull(conn, b[:]); err != nil {
		return 0, err
	}
	if string(b[:4]) != helloMagic {
		return 0, fmt.Errorf("node %s sent no hello of a journal", from)
	}
	theirs := Cluster(b[6:])
	answer, err := welcome, error(nil)
	switch {
	case b[4] != helloVersion:
		answer, err = otherVersion, fmt.Errorf("node %s speaks version %d of journal streams, this one %d", from, b[4], helloVersion)
	case !ready:
		answer, err = notReady, ErrNotReady
	case theirs != c:
		answer, err = otherCluster, &ClusterError{Node: from, Ours: c, Theirs: theirs}
	}
	if _, werr := conn.Write(append([]byte{answer}, c[:]...)); err != nil || werr != nil {
		return 0, errors.Join(err, werr)
	}
	return Kind(b[5]), conn.SetDeadline(time.Time{})
}
