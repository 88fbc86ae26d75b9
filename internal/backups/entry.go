package backups

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cespare/xxhash/v2"
)

const format = 1

// maxEntry is far more than an entry has: what is longer is none.
const maxEntry = 64 << 10

// Entry is one of the log.
type Entry struct {
	Format int       `json:"format"`
	Number uint64    `json:"number"`
	Epoch  uint64    `json:"epoch"` // number of the claim that it was made under: its own, if it is one
	Owner  string    `json:"owner"`
	ID     string    `json:"id"` // of this attempt to make it, 16 hex digits
	Made   time.Time `json:"made"`
	Backup *Backup   `json:"backup,omitempty"` // nil: a claim
}

// Backup is what an entry says of a backup's bytes.
type Backup struct {
	Index uint64 `json:"index"` // the last change in it
	Size  int64  `json:"size"`  // bytes
	Sum   string `json:"sum"`   // xxhash64 of them, 16 hex digits
}

// errDamaged says that an entry or a backup's bytes are not what was written.
var errDamaged = errors.New("damaged")

func sum(b []byte) string { return fmt.Sprintf("%016x", xxhash.Sum64(b)) }

func (e *Entry) encode() ([]byte, error) {
	line, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(line, "\n%s\n", sum(line)), nil
}

// decode reads the entry with that number.
func decode(b []byte, number uint64) (e Entry, err error) {
	line, check, _ := bytes.Cut(b, []byte("\n"))
	if string(check) != sum(line)+"\n" {
		return e, fmt.Errorf("%w: checksum mismatch", errDamaged)
	}
	if err := json.Unmarshal(line, &e); err != nil {
		return e, fmt.Errorf("%w: %w", errDamaged, err)
	}
	switch {
	case e.Format > format:
		return e, fmt.Errorf("format %d; this build reads %d", e.Format, format)
	case e.Number != number:
		return e, fmt.Errorf("%w: it says that it is entry %d", errDamaged, e.Number)
	}
	return e, nil
}
