package peer_test

import (
	"crypto/tls"
	"crypto/x509"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/peer"
)

const secret = "a secret of some length"

func TestConfigGood(t *testing.T) {
	for _, c := range []peer.Config{
		{},
		{Bind: "localhost:0"},
		{Bind: "[::1]:7946"},
		{Bind: "127.0.0.7:7946"},
		{Bind: ":7946", Secret: secret},
		{Bind: "10.1.2.3:7946", Insecure: true},
		{Bind: ":7946", Advertise: "10.1.2.3:0", Secret: secret, OldSecrets: []string{secret + "!"}, Encrypt: true},
		{Secret: secret, TLS: &tls.Config{Certificates: make([]tls.Certificate, 1), RootCAs: x509.NewCertPool()}},
		{Join: []string{"a.example.org:7946", "10.1.2.3:1", "_mesh._tcp.example.org", "file:/etc/peers"}},
		{GraceTime: -1},
	} {
		require.NoError(t, c.Check(), "%+v", c)
	}
}

func TestConfigBad(t *testing.T) {
	for _, c := range []struct {
		config peer.Config
		want   string // in the error
	}{
		{peer.Config{Bind: "nonsense"}, `Config.Bind is "nonsense": use host:port`},
		{peer.Config{Bind: "127.0.0.1:99999"}, `Config.Bind is "127.0.0.1:99999": use host:port`},
		{peer.Config{Bind: ":7946"}, `Config.Bind is ":7946": beyond the loopback give a Secret`},
		{peer.Config{Bind: "0.0.0.0:7946"}, "say Insecure"},
		{peer.Config{Bind: "node1.example.org:7946"}, "say Insecure"},
		{peer.Config{Advertise: "0.0.0.0:1"}, "Config.Advertise"},
		{peer.Config{Advertise: ":1"}, "Config.Advertise"},
		{peer.Config{Join: []string{"a:1", "b"}}, `Config.Join[1] is "b": use "host:port"`},
		{peer.Config{Join: []string{"a:0"}}, "Config.Join[0]"},
		{peer.Config{Join: []string{"_mesh.example"}}, "SRV"},
		{peer.Config{Join: []string{"file:"}}, `"file:/path"`},
		{peer.Config{Secret: "short"}, "Config.Secret is 5 bytes: use 16 or more"},
		{peer.Config{Secret: secret, OldSecrets: []string{"x"}}, "Config.OldSecrets[0] is 1 bytes"},
		{peer.Config{OldSecrets: []string{secret}}, "give the new one as Secret"},
		{peer.Config{TLS: &tls.Config{}}, "Config.TLS is set without Secret: give a Secret as well"},
		{peer.Config{Secret: secret, TLS: &tls.Config{RootCAs: x509.NewCertPool()}}, "TLS.Certificates is empty: give this node's"},
		{peer.Config{Secret: secret, TLS: &tls.Config{Certificates: make([]tls.Certificate, 1)}}, "TLS.RootCAs is nil"},
		{peer.Config{Secret: secret, TLS: &tls.Config{}, Encrypt: true}, "Config.Encrypt is set beside TLS: use one of them"},
		{peer.Config{Secret: secret, OldSecrets: make([]string, 8)}, "Config.OldSecrets is 8 of them: use up to 7"},
		{peer.Config{Encrypt: true}, "Config.Encrypt is set without Secret"},
		{peer.Config{Cluster: strings.Repeat("c", 65)}, "Config.Cluster"},
		{peer.Config{Zone: strings.Repeat("z", 65)}, "Config.Zone"},
		{peer.Config{Rack: strings.Repeat("r", 65)}, "Config.Rack"},
		{peer.Config{GraceTime: 2 * time.Hour}, "Config.GraceTime is 2h0m0s: use up to 1h0m0s"},
	} {
		err := c.config.Check()
		require.ErrorIs(t, err, fs.ErrInvalid)
		require.ErrorContains(t, err, c.want)
	}
}

// TestConfigAllAtOnce: what is wrong is said at once, and secrets are not said.
func TestConfigAllAtOnce(t *testing.T) {
	err := peer.Config{Bind: "x", Join: []string{"y"}, Secret: "hush"}.Check()
	require.ErrorContains(t, err, "Config.Bind")
	require.ErrorContains(t, err, "Config.Join[0]")
	require.ErrorContains(t, err, "Config.Secret")
	require.NotContains(t, err.Error(), "hush")
}
