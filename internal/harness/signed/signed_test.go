package signed_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/internal/harness/signed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestIdentify(t *testing.T) {
	data := append(signed.Bytes(7, 1000), signed.Bytes(8, 0)...)
	got, err := signed.Identify(data)
	require.NoError(t, err)
	require.Equal(t, "7 1000, 8 0", got)
	for name, bad := range map[string][]byte{
		"empty": nil, "short": data[:500], "longer": append(data[:len(data):len(data)], 'x'),
		"flipped": append([]byte(string(data[:20])), append([]byte{data[20] ^ 1}, data[21:]...)...),
	} {
		_, err := signed.Identify(bad)
		require.Error(t, err, name)
	}
}
