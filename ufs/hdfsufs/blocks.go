package hdfsufs

import (
	"cmp"
	"context"
	"reflect"
	"time"
	"unsafe"

	"github.com/colinmarc/hdfs/v2"
)

// blockWithin bounds the waiting for a DataNode that does not tell of a block: then it is no delay but a fault.
const blockWithin = 10 * time.Second

// send writes bytes, block by block. The NameNode refuses a block until the DataNodes have told it of the one before the last
// (NotReplicatedYetException), which takes them milliseconds: it is asked again, as a Close is.
func (w *writer) send(p []byte) (written int, err error) {
	for len(p) > 0 {
		room := w.blockSize - w.size%w.blockSize
		piece := p[:min(room, int64(len(p)))]
		n, err := w.sendPiece(piece)
		w.size += int64(n)
		written += n
		if err != nil {
			return written, err
		}
		p = p[n:]
	}
	return written, nil
}

// sendPiece writes what goes into one block. The library begins that block before the first byte, and forgets the block
// before whether or not that succeeds; the NameNode must be told of it each time.
func (w *writer) sendPiece(p []byte) (n int, err error) {
	begins := w.size%w.blockSize == 0
	if !begins {
		return w.f.Write(p)
	}
	last, err := lastBlock(w.f)
	if err != nil {
		return 0, err
	}
	before := last.Elem()
	full := reflect.New(before.Type()).Elem()
	full.Set(before)
	ctx, cancel := context.WithTimeout(w.x.conns.ctx, blockWithin)
	defer cancel()
	for {
		n, err = w.f.Write(p)
		if n > 0 || !notReplicated(err) {
			return n, err
		}
		if !pause(ctx, closeAgain) {
			return 0, cmp.Or(w.x.conns.dead(), err)
		}
		before.Set(full)
	}
}

// lastBlock is where the library keeps what it knows of a file's last block: a pointer to a pointer to one of its own types.
func lastBlock(f *hdfs.FileWriter) (reflect.Value, error) {
	field := reflect.ValueOf(f).Elem().FieldByName("blockWriter")
	if !field.IsValid() || field.Kind() != reflect.Pointer {
		return field, errOtherLibrary
	}
	return reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())), nil
}
