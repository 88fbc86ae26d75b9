package s3ufs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/ufs/s3ufs"
)

func TestServerTroubleReading(t *testing.T) {
	for name, f := range map[string]func(*testing.T){
		"flipped_byte_is_fetched_again_by_cachefs": flippedByteCached,
		"flipped_byte_of_a_range_has_no_checksum":  flippedRange,
	} {
		t.Run(name, f)
	}
}

// flippedRange says what is not promised: S3 has no checksum of a range.
func flippedRange(t *testing.T) {
	v := newTrouble(t, s3ufs.Options{})
	_, err := writeFile(t, v.store, "f", pattern(100_000))
	require.NoError(t, err)
	p := make([]byte, 1000)
	n, err := v.store.ReadAt(t.Context(), "f", "", p, 500)
	require.NoError(t, err, "the whole object's checksum is not held against a range")
	require.Equal(t, pattern(100_000)[500:1500], p[:n])
}

func flippedByteCached(t *testing.T) {
	notAtOld(t, tellsNoSums)
	v := newTrouble(t, s3ufs.Options{})
	cachefstest.Flipped(t, v.Proxy, v.store, "get", 100_000, 128<<10)
}
