package cachefs

import "io"

// Writer writes a file, once, from its beginning to its end. Nobody reads it before Close; Abort, or the end of the
// node, leaves nothing of it. It is an io.WriteCloser and an io.ReaderFrom, and is used by one goroutine at a time,
// but for Abort. Its context is that of Create.
//
// After an error the file is gone: Close returns that error again.
type Writer struct{ w writing }

// writing is how bytes become a file: a node does it, or has a Client's done.
type writing interface {
	io.WriteCloser
	io.ReaderFrom
	Abort() error
	Name() string
}

// Name is the path that will be.
func (w *Writer) Name() string { return w.w.Name() }

// Write appends p. It blocks while the tiers make room. Of a Client's it returns when the bytes are on their way, and an error may be
// that of an earlier Write.
func (w *Writer) Write(p []byte) (int, error) { return w.w.Write(p) }

// ReadFrom appends all of r; an error of r's ends the Writer, as its own do. Bytes that only go to the cache of this process are read straight into its frames.
func (w *Writer) ReadFrom(r io.Reader) (n int64, err error) { return w.w.ReadFrom(r) }

// Close makes the file complete: it is visible to readers, whole, when Close returns nil. For CacheThrough and Through
// the under store has published it then; an error that leaves open whether it has is returned unless the store turns out
// to have the very bytes that are cached. For MustCache and AsyncThrough as many nodes have its bytes then as ReplicasMin says,
// two by default, or all that live if those are fewer; each of them on a disk tier, if it has one and a journal that survives.
// Where fewer than three nodes live, each of those has the inode, too. After an error the file is gone, or, with
// Overwrite, is what it was; one whose store does not say what became of it shows, incomplete, until the store answers. A
// second Close is ErrClosed.
func (w *Writer) Close() error { return w.w.Close() }

// Abort gives the file up: nothing of it stays. It ends a Write or Close that is under way. While no primary can be reached
// it waits for some seconds at most, and the file goes when one is. After Close it is ErrClosed.
func (w *Writer) Abort() error { return w.w.Abort() }
