package hdfsufs_test

import (
	"context"
	"net"
	"testing"
	"time"

	krb "github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/hdfsufs"
)

// refusal asserts that no call gets in, by an error that says what would do.
func refusal(t *testing.T, s *ufs.Store, condition error, says ...string) {
	t.Helper()
	_, stat := s.Stat(t.Context(), "f")
	_, create := s.Create(t.Context(), "f", ufs.CreateOptions{})
	for what, err := range map[string]error{"stat": stat, "create": create, "delete": s.Delete(t.Context(), "f")} {
		require.ErrorIs(t, err, condition, what)
		require.NotErrorIs(t, err, driver.ErrNotExist, what)
		require.False(t, unknown(err), what)
		for _, word := range append(says, "Kerberos") {
			require.ErrorContains(t, err, word, what)
		}
	}
}

// silentKDC is a client whose KDC takes connections and says nothing, until the test ends.
func silentKDC(t *testing.T) func() (*krb.Client, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() }) // and with it the connections that nobody took
	return clientOf(t, l.Addr().String())
}

// clientOf is a client of a realm whose KDC is at addr.
func clientOf(t *testing.T, addr string) func() (*krb.Client, error) {
	cfg, err := config.NewFromString("[libdefaults]\n default_realm = R\n udp_preference_limit = 1\n[realms]\n R = {\n  kdc = " + addr + "\n }\n")
	require.NoError(t, err)
	c := krb.NewWithPassword("miller", "R", "a password", cfg)
	return func() (*krb.Client, error) { return c, nil }
}

// TestKDCSilent: a KDC that does not answer holds up no context.
func TestKDCSilent(t *testing.T) {
	s, err := hdfsufs.Open("nn", "/", &hdfsufs.Options{Kerberos: silentKDC(t), Principal: "hdfs/_HOST@R", UFS: &ufs.Options{Attempts: 1}})
	require.NoError(t, err)
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err = s.Stat(ctx, "f")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(begun), 4*time.Second, "the library waits for 5 s")
}

// TestKDCDown: it may come back, so the store is unavailable; nobody is told to look after his ticket.
func TestKDCDown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	s, err := hdfsufs.Open("nn", "/", &hdfsufs.Options{Kerberos: clientOf(t, l.Addr().String()), Principal: "hdfs/_HOST", UFS: quick()})
	require.NoError(t, err)
	defer s.Close()
	refusal(t, s, driver.ErrUnavailable, "KDC", "realm R")
	_, err = s.Stat(t.Context(), "f")
	require.NotErrorIs(t, err, driver.ErrPermission)
}
