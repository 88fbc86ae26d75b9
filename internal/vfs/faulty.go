package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync/atomic"
	"syscall"
)

// OpKind is a kind of disk operation.
type OpKind uint8

// The kinds that a Faulty numbers.
const (
	OpOpen OpKind = iota
	OpMkdir
	OpRemove
	OpRename
	OpStat
	OpReadDir
	OpSyncDir
	OpLock
	OpUsage
	OpRead
	OpWrite
	OpSync
	OpTruncate
	OpPunch
)

var opNames = [...]string{"open", "mkdir", "remove", "rename", "stat", "readdir", "syncdir", "lock", "usage", "read", "write", "sync", "truncate", "punch"}

func (k OpKind) String() string {
	if int(k) < len(opNames) {
		return opNames[k]
	}
	return fmt.Sprintf("op%d", uint8(k))
}

// Mutates reports whether operations of the kind change the disk or make a change durable.
func (k OpKind) Mutates() bool {
	switch k {
	case OpStat, OpReadDir, OpLock, OpUsage, OpRead:
		return false
	}
	return true
}

// Op is one operation, before it has any effect.
type Op struct {
	Kind  OpKind
	Name  string
	Index int64 // from 0, over all operations of the Faulty
	Off   int64 // reads, writes, punches and truncations
	Len   int
}

// What a hook may return to make a disk lie instead of fail.
var (
	ErrFlip  = errors.New("flip a bit")       // of a read: the data comes with one bit wrong, and no error
	ErrShort = errors.New("short read/write") // half of it is done: a read then says io.EOF, a write ENOSPC
)

// Faulty is an FS that asks a hook before each operation. It may be used by any number of goroutines, and so is the
// hook.
type Faulty struct {
	under FS
	hook  func(Op) error
	n     atomic.Int64
}

// NewFaulty wraps under. An error from hook is the operation's, which then has no effect (but see ErrFlip, ErrShort);
// nil lets it go on.
func NewFaulty(under FS, hook func(Op) error) *Faulty { return &Faulty{under: under, hook: hook} }

// Count is how many operations there have been.
func (f *Faulty) Count() int64 { return f.n.Load() }

func (f *Faulty) ask(kind OpKind, name string, off int64, n int) error {
	op := Op{Kind: kind, Name: name, Index: f.n.Add(1) - 1, Off: off, Len: n}
	err := f.hook(op)
	if err == nil || err == ErrFlip || err == ErrShort {
		return err
	}
	return &fs.PathError{Op: kind.String(), Path: name, Err: err}
}

// OpenFile implements FS.
func (f *Faulty) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	if err := f.ask(OpOpen, name, 0, 0); err != nil {
		return nil, err
	}
	file, err := f.under.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &faultyFile{File: file, f: f}, nil
}

// MkdirAll implements FS.
func (f *Faulty) MkdirAll(name string, perm fs.FileMode) error {
	if err := f.ask(OpMkdir, name, 0, 0); err != nil {
		return err
	}
	return f.under.MkdirAll(name, perm)
}

// Remove implements FS.
func (f *Faulty) Remove(name string) error {
	if err := f.ask(OpRemove, name, 0, 0); err != nil {
		return err
	}
	return f.under.Remove(name)
}

// RemoveAll implements FS.
func (f *Faulty) RemoveAll(name string) error {
	if err := f.ask(OpRemove, name, 0, 0); err != nil {
		return err
	}
	return f.under.RemoveAll(name)
}

// Rename implements FS.
func (f *Faulty) Rename(from, to string) error {
	if err := f.ask(OpRename, from, 0, 0); err != nil {
		return err
	}
	return f.under.Rename(from, to)
}

// Stat implements FS.
func (f *Faulty) Stat(name string) (fs.FileInfo, error) {
	if err := f.ask(OpStat, name, 0, 0); err != nil {
		return nil, err
	}
	return f.under.Stat(name)
}

// ReadDir implements FS.
func (f *Faulty) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := f.ask(OpReadDir, name, 0, 0); err != nil {
		return nil, err
	}
	return f.under.ReadDir(name)
}

// SyncDir implements FS.
func (f *Faulty) SyncDir(name string) error {
	if err := f.ask(OpSyncDir, name, 0, 0); err != nil {
		return err
	}
	return f.under.SyncDir(name)
}

// Lock implements FS.
func (f *Faulty) Lock(name string) (io.Closer, error) {
	if err := f.ask(OpLock, name, 0, 0); err != nil {
		return nil, err
	}
	return f.under.Lock(name)
}

// Usage implements FS.
func (f *Faulty) Usage(name string) (Usage, error) {
	if err := f.ask(OpUsage, name, 0, 0); err != nil {
		return Usage{}, err
	}
	return f.under.Usage(name)
}

// faultyFile asks for the calls that touch the disk.
type faultyFile struct {
	File
	f *Faulty
}

func (f *faultyFile) Read(p []byte) (int, error) {
	return f.read(p, -1, f.File.Read)
}

func (f *faultyFile) ReadAt(p []byte, off int64) (int, error) {
	return f.read(p, off, func(p []byte) (int, error) { return f.File.ReadAt(p, off) })
}

func (f *faultyFile) read(p []byte, off int64, read func([]byte) (int, error)) (int, error) {
	switch err := f.f.ask(OpRead, f.Name(), off, len(p)); err {
	case nil:
		return read(p)
	case ErrFlip:
		n, err := read(p)
		if n > 0 {
			p[n/2] ^= 0x10
		}
		return n, err
	case ErrShort:
		n, err := read(p[:len(p)/2])
		if err == nil {
			err = io.EOF
		}
		return n, err
	default:
		return 0, err
	}
}

func (f *faultyFile) Write(p []byte) (int, error) {
	return f.write(p, -1, f.File.Write)
}

func (f *faultyFile) WriteAt(p []byte, off int64) (int, error) {
	return f.write(p, off, func(p []byte) (int, error) { return f.File.WriteAt(p, off) })
}

func (f *faultyFile) write(p []byte, off int64, write func([]byte) (int, error)) (int, error) {
	switch err := f.f.ask(OpWrite, f.Name(), off, len(p)); err {
	case nil:
		return write(p)
	case ErrShort, ErrFlip:
		n, err := write(p[:len(p)/2])
		if err == nil {
			err = &fs.PathError{Op: "write", Path: f.Name(), Err: syscall.ENOSPC}
		}
		return n, err
	default:
		return 0, err
	}
}

func (f *faultyFile) Sync() error {
	if err := f.f.ask(OpSync, f.Name(), 0, 0); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *faultyFile) Truncate(size int64) error {
	if err := f.f.ask(OpTruncate, f.Name(), size, 0); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *faultyFile) PunchHole(off, n int64) error {
	if err := f.f.ask(OpPunch, f.Name(), off, int(n)); err != nil {
		return err
	}
	return f.File.PunchHole(off, n)
}
