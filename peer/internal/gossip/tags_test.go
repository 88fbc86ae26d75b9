package gossip_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/peer/internal/gossip"
)

// FuzzTags: whatever a node says of itself is taken, and told on as it was taken.
func FuzzTags(f *testing.F) {
	f.Add("z", "r", "100", "3", "v1.2", "meta")
	f.Add("", "", "-1", "4294967296", "\xff", "")
	f.Fuzz(func(t *testing.T, zone, rack, weight, level, version, meta string) {
		tags := gossip.DecodeTags(map[string]string{"z": zone, "r": rack, "w": weight, "l": level, "v": version, "m": meta})
		require.Equal(t, zone, tags.Zone)
		require.Equal(t, meta, string(tags.Meta))
		require.Equal(t, tags, gossip.DecodeTags(gossip.EncodeTags(tags)))
	})
}
