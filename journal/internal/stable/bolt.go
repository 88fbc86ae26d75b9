package stable

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"
)

// bucket holds the values, each with a CRC-32C of its key and itself behind it, and what they add up to: bbolt's pages have
// no sums, and one that says it has fewer keys looks as good as any.
const (
	bucket   = "millpond/2"
	totalKey = "\xff/total" // keys u32, exclusive or of the values' sums u32
)

// boltStore is one bucket of a bbolt file. Damaged pages make bbolt panic or leave its mapping, so they are checked before
// it opens them, and every call is behind guard.
type boltStore struct {
	name string
	db   *bolt.DB
}

// guard makes a panic of bbolt, or a fault of its mapping, an error that names the file: pages may go bad, and a file short,
// while it is open.
func guard(name string, f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s is damaged: %v", name, p)
		}
	}()
	if err := f(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func openBolt(name string, noSync bool) (Store, error) {
	s := &boltStore{name: name}
	err := guard(name, func() error {
		if err := checkFile(name); err != nil {
			return err
		}
		db, err := bolt.Open(name, 0o600, &bolt.Options{Timeout: time.Second, NoSync: noSync, NoStatistics: true})
		if err != nil {
			return err
		}
		s.db = db
		if err := os.Chmod(name, 0o600); err != nil { // whatever the umask
			return err
		}
		return s.prepare()
	})
	if err != nil {
		if s.db != nil {
			_ = guard(name, s.db.Close)
		}
		return nil, err
	}
	return s, nil
}

// checkFile reads the whole file: it is small, and damage should show now.
func checkFile(name string) error {
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return checkPages(b)
}

// prepare makes the bucket, or reads all values.
func (s *boltStore) prepare() error {
	found := false
	err := s.db.View(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte(bucket))
		if found = b != nil; !found {
			if first, _ := tx.Cursor().First(); first != nil {
				return fmt.Errorf("bucket %q is of another version; this build reads %q", first, bucket)
			}
			return nil
		}
		return s.checkTotal(b)
	})
	if err != nil || found {
		return err
	}
	return s.db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucket([]byte(bucket))
		if err != nil {
			return err
		}
		return b.Put([]byte(totalKey), total{}.append(nil))
	})
}

func (s *boltStore) checkTotal(b *bolt.Bucket) error {
	var sum total
	err := b.ForEach(func(k, v []byte) error {
		if string(k) == totalKey {
			return nil
		}
		sum.count(v, 1)
		_, err := unseal(k, v)
		return err
	})
	if err == nil && !bytes.Equal(sum.append(nil), b.Get([]byte(totalKey))) {
		err = fmt.Errorf("damaged: %d keys do not add up", sum.keys)
	}
	return err
}

// total is what all sealed values add up to.
type total struct{ keys, sum uint32 }

func (t total) append(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(b, t.keys), t.sum)
}

// count adds a sealed value, or with -1 takes it out; nil is none.
func (t *total) count(sealed []byte, n int) {
	if len(sealed) >= 4 {
		t.keys += uint32(n)
		t.sum ^= binary.LittleEndian.Uint32(sealed[len(sealed)-4:])
	}
}

// change makes key's sealed value another one; nil removes it.
func (s *boltStore) change(key string, sealed []byte) error {
	return guard(s.name, func() error {
		return s.db.Update(func(tx *bolt.Tx) error {
			b := tx.Bucket([]byte(bucket))
			old := b.Get([]byte(totalKey))
			if len(old) != 8 {
				return errors.New("damaged: there is no total")
			}
			sum := total{binary.LittleEndian.Uint32(old), binary.LittleEndian.Uint32(old[4:])}
			sum.count(b.Get([]byte(key)), -1)
			sum.count(sealed, 1)
			if err := b.Put([]byte(totalKey), sum.append(nil)); err != nil {
				return err
			}
			if sealed == nil {
				return b.Delete([]byte(key))
			}
			return b.Put([]byte(key), sealed)
		})
	})
}

func (s *boltStore) view(f func(*bolt.Bucket) error) error {
	return guard(s.name, func() error {
		return s.db.View(func(tx *bolt.Tx) error { return f(tx.Bucket([]byte(bucket))) })
	})
}

func (s *boltStore) Get(key string) (v []byte, ok bool, err error) {
	err = s.view(func(b *bolt.Bucket) error {
		found := b.Get([]byte(key))
		if ok = found != nil; !ok {
			return nil
		}
		value, err := unseal([]byte(key), found)
		v = bytes.Clone(value)
		return err
	})
	return v, ok, err
}

// seal is a value with its sum behind it.
func seal(key, value []byte) []byte {
	sum := crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
	return binary.LittleEndian.AppendUint32(bytes.Clone(value), sum)
}

func unseal(key, sealed []byte) ([]byte, error) {
	n := len(sealed) - 4
	if n < 0 || !bytes.Equal(sealed, seal(key, sealed[:n])) {
		return nil, fmt.Errorf("damaged: checksum mismatch of the value of %q", key)
	}
	return sealed[:n], nil
}

func (s *boltStore) Put(key string, value []byte) error {
	return s.change(key, seal([]byte(key), value))
}

func (s *boltStore) Delete(key string) error {
	return s.change(key, nil)
}

func (s *boltStore) List(prefix string) (out []string, err error) {
	err = s.view(func(b *bolt.Bucket) error {
		c := b.Cursor()
		for k, _ := c.Seek([]byte(prefix)); k != nil && bytes.HasPrefix(k, []byte(prefix)); k, _ = c.Next() {
			if string(k) != totalKey {
				out = append(out, string(k))
			}
		}
		return nil
	})
	return out, err
}

func (s *boltStore) Close() error { return guard(s.name, s.db.Close) }
