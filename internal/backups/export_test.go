package backups

import (
	"testing"
	"time"
)

var ErrDamaged = errDamaged

func sample(t testing.TB, e Entry) []byte {
	e.Owner, e.ID, e.Made = "00112233445566778899aabbccddeeff", "0123456789abcdef", time.Unix(1_800_000_000, 0).UTC()
	b, err := e.encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// SampleEntries is a claim and a backup.
func SampleEntries(t testing.TB) []byte {
	claim := sample(t, Entry{Format: format, Number: 1, Epoch: 1})
	return append(claim, sample(t, Entry{Format: format, Number: 2, Epoch: 1, Backup: &Backup{Index: 3, Size: 4, Sum: sum([]byte("text"))}})...)
}

// SampleLater is an entry of a later format.
func SampleLater(t testing.TB) []byte { return sample(t, Entry{Format: format + 1, Number: 1}) }

// Decode reads an entry.
func Decode(b []byte, number uint64) error {
	_, err := decode(b, number)
	return err
}
