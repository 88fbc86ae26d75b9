package stable

import (
	"bytes"
	"fmt"
	"os"
	"time"

	bolt "go.etcd.io/bbolt"
)

const bucket = "millpond"

// boltStore is one bucket of a bbolt file. Damaged pages make bbolt panic, so every call is behind guard.
type boltStore struct {
	name string
	db   *bolt.DB
}

// guard makes a panic of bbolt, which a damaged page causes, an error that names the file.
func guard(name string, f func() error) (err error) {
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

// prepare makes the bucket, or reads the whole file: it is small, and damage should show now.
func (s *boltStore) prepare() error {
	found := false
	err := s.db.View(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte(bucket))
		if found = b != nil; !found {
			return nil
		}
		var damage error
		for err := range tx.Check() { // to its end, else its goroutine stays
			if damage == nil {
				damage = fmt.Errorf("damaged: %w", err)
			}
		}
		if damage != nil {
			return damage
		}
		return b.ForEach(func(_, _ []byte) error { return nil })
	})
	if err != nil || found {
		return err
	}
	return s.db.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucket([]byte(bucket))
		return err
	})
}

func (s *boltStore) update(f func(*bolt.Bucket) error) error {
	return guard(s.name, func() error {
		return s.db.Update(func(tx *bolt.Tx) error { return f(tx.Bucket([]byte(bucket))) })
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
		v, ok = bytes.Clone(found), found != nil
		return nil
	})
	return v, ok, err
}

func (s *boltStore) Put(key string, value []byte) error {
	return s.update(func(b *bolt.Bucket) error { return b.Put([]byte(key), value) })
}

func (s *boltStore) Delete(key string) error {
	return s.update(func(b *bolt.Bucket) error { return b.Delete([]byte(key)) })
}

func (s *boltStore) List(prefix string) (out []string, err error) {
	err = s.view(func(b *bolt.Bucket) error {
		c := b.Cursor()
		for k, _ := c.Seek([]byte(prefix)); k != nil && bytes.HasPrefix(k, []byte(prefix)); k, _ = c.Next() {
			out = append(out, string(k))
		}
		return nil
	})
	return out, err
}

func (s *boltStore) Close() error { return guard(s.name, s.db.Close) }
