// Package stable keeps a node's small durable state: raft's term and vote, the node's id, progress of jobs.
//
// On the operating system's disk it is a bbolt file. bbolt maps an *os.File, so on any other [vfs.FS] (the disks that
// tests crash) the same interface is a whole table published at each change; in memory it is a map.
package stable

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"sort"
	"syscall"

	"github.com/millpond/millpond/internal/vfs"
)

// Store holds byte strings by key. All methods may be called at any time from any goroutine; a change that returned nil is durable.
type Store interface {
	Get(key string) (value []byte, ok bool, err error)
	Put(key string, value []byte) error
	Delete(key string) error
	List(prefix string) ([]string, error) // sorted
	Close() error
}

// Open opens the store in dir, or makes it. An empty dir is memory.
func Open(fsys vfs.FS, dir string, noSync bool) (Store, error) {
	switch {
	case dir == "":
		return newTable(nil), nil
	case fsys == vfs.OS:
		return openBolt(filepath.Join(dir, "state.db"), noSync)
	default:
		return openFile(fsys, filepath.Join(dir, "state"))
	}
}

// Raft shows a Store to raft. A term that cannot be saved is reported to OnLost and otherwise hidden from raft, which would panic in
// a goroutine of its own; whoever hears of it must see to it that the node acknowledges nothing more. On a disk that is full
// OnFull is asked first: it waits for a while, in which raft does nothing, and says whether to try again.
type Raft struct {
	Store  Store
	OnLost func(error)
	OnFull func(error) bool
}

const raftPrefix = "raft/"

func full(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// Set implements raft.StableStore.
func (r Raft) Set(key, value []byte) error { return r.Store.Put(raftPrefix+string(key), value) }

// Get implements raft.StableStore.
func (r Raft) Get(key []byte) ([]byte, error) {
	v, _, err := r.Store.Get(raftPrefix + string(key))
	return v, err
}

// SetUint64 implements raft.StableStore.
func (r Raft) SetUint64(key []byte, v uint64) error {
	if old, err := r.GetUint64(key); err == nil && old == v && v != 0 {
		return nil
	}
	err := r.Set(key, binary.LittleEndian.AppendUint64(nil, v))
	for full(err) && r.OnFull(err) {
		err = r.Set(key, binary.LittleEndian.AppendUint64(nil, v))
	}
	if err != nil && string(key) == "CurrentTerm" {
		r.OnLost(fmt.Errorf("saving the term: %w", err))
		return nil
	}
	return err
}

// GetUint64 implements raft.StableStore.
func (r Raft) GetUint64(key []byte) (uint64, error) {
	v, ok, err := r.Store.Get(raftPrefix + string(key))
	if err != nil || !ok {
		return 0, err
	}
	if len(v) != 8 {
		return 0, fmt.Errorf("%s has %d bytes, not 8", key, len(v))
	}
	return binary.LittleEndian.Uint64(v), nil
}

func sortedKeys(m map[string][]byte, prefix string) []string {
	var out []string
	for k := range m {
		if len(k) >= len(prefix) && k[:len(prefix)] == prefix {
			out = append(out, k)
		}
	}
	sort.Strings(out)
	return out
}
