package stable

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"sync"

	"github.com/millpond/millpond/internal/vfs"
)

// The file, numbers little-endian: "MPST", version u16, 0 u16, count u32, CRC-32C u32 of all that follows; then for each key,
// sorted: key length u32, value length u32, key, value.
const (
	tableMagic   = "MPST"
	tableVersion = 1
	tableHeader  = 16
)

// table is a map, and a file of it if save is set.
type table struct {
	save func([]byte) error

	mu struct {
		sync.Mutex
		m map[string][]byte
	}
}

func newTable(save func([]byte) error) *table {
	t := &table{save: save}
	t.mu.m = make(map[string][]byte)
	return t
}

func openFile(fsys vfs.FS, name string) (Store, error) {
	t := newTable(func(b []byte) error { return vfs.WriteFile(fsys, name, b, 0o600) })
	b, err := vfs.ReadFile(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return nil, err
	}
	if t.mu.m, err = decodeTable(b); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

func (t *table) Get(key string) ([]byte, bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	v, ok := t.mu.m[key]
	return bytes.Clone(v), ok, nil
}

func (t *table) Put(key string, value []byte) error {
	value = append([]byte{}, value...)
	return t.change(func(m map[string][]byte) { m[key] = value })
}

func (t *table) Delete(key string) error {
	return t.change(func(m map[string][]byte) { delete(m, key) })
}

// change publishes the changed table before it shows. The lock is held across the disk: changes are few, and must not overtake.
func (t *table) change(f func(map[string][]byte)) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.save == nil {
		f(t.mu.m)
		return nil
	}
	m := maps.Clone(t.mu.m)
	f(m)
	if err := t.save(encodeTable(m)); err != nil {
		return err
	}
	t.mu.m = m
	return nil
}

func (t *table) List(prefix string) ([]string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return sortedKeys(t.mu.m, prefix), nil
}

func (t *table) Close() error { return nil }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func encodeTable(m map[string][]byte) []byte {
	b := append([]byte(tableMagic), tableVersion, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(m)))
	b = binary.LittleEndian.AppendUint32(b, 0)
	for _, k := range sortedKeys(m, "") {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(k)))
		b = binary.LittleEndian.AppendUint32(b, uint32(len(m[k])))
		b = append(b, k...)
		b = append(b, m[k]...)
	}
	binary.LittleEndian.PutUint32(b[12:], tableSum(b))
	return b
}

// tableSum covers the count too: everything but the sum itself.
func tableSum(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[:12], castagnoli), castagnoli, b[tableHeader:])
}

func decodeTable(b []byte) (map[string][]byte, error) {
	if len(b) < tableHeader || string(b[:4]) != tableMagic {
		return nil, errors.New("damaged at offset 0: bad header")
	}
	if binary.LittleEndian.Uint32(b[12:]) != tableSum(b) {
		return nil, errors.New("damaged at offset 12: checksum mismatch")
	}
	if v := binary.LittleEndian.Uint16(b[4:]); v != tableVersion {
		return nil, fmt.Errorf("format version %d; this build reads %d", v, tableVersion)
	}
	m := make(map[string][]byte)
	n, at := int(binary.LittleEndian.Uint32(b[8:])), tableHeader
	for range n {
		if at+8 > len(b) {
			return nil, fmt.Errorf("damaged at offset %d: it ends within a key", at)
		}
		kl, vl := int(binary.LittleEndian.Uint32(b[at:])), int(binary.LittleEndian.Uint32(b[at+4:]))
		if kl+vl > len(b)-at-8 {
			return nil, fmt.Errorf("damaged at offset %d: it ends within a value", at)
		}
		k := at + 8
		m[string(b[k:k+kl])] = bytes.Clone(b[k+kl : k+kl+vl])
		at = k + kl + vl
	}
	return m, nil
}
