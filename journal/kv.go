package journal

import (
	"strings"

	"github.com/millpond/millpond/journal/internal/stable"
)

// KV is this node's own small durable state: progress of jobs and uploads. It is not replicated. Safe for concurrent use; a
// change that returned nil is durable (memory without a directory).
type KV struct{ store stable.Store }

const kvPrefix = "kv/"

// KV is this node's small durable state.
func (j *Journal) KV() KV { return KV{j.state} }

// Get returns key's value.
func (k KV) Get(key string) (value []byte, ok bool, err error) { return k.store.Get(kvPrefix + key) }

// Put sets key's value.
func (k KV) Put(key string, value []byte) error { return k.store.Put(kvPrefix+key, value) }

// Delete removes key; that it is not there is no error.
func (k KV) Delete(key string) error { return k.store.Delete(kvPrefix + key) }

// List returns the keys with a prefix, sorted.
func (k KV) List(prefix string) ([]string, error) {
	keys, err := k.store.List(kvPrefix + prefix)
	for i := range keys {
		keys[i] = strings.TrimPrefix(keys[i], kvPrefix)
	}
	return keys, err
}
