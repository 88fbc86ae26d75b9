package hdfsufs_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/hdfsufs"
)

// secureServer is a server with Kerberos.
func secureServer(t *testing.T) *server {
	v := realServer(t)
	if v.realm == "" {
		t.Skip("no MILLPOND_HDFS_REALM in the environment: make test-servers starts a server with Kerberos and sets it")
	}
	return v
}

// TestSecureTickets: without a ticket that the NameNode takes the error says what is wrong with it, and what would do.
func TestSecureTickets(t *testing.T) {
	v := secureServer(t)
	dir := v.place(t)
	v.put(t, dir+"/f", []byte("bytes"))
	of := func(file string) string { return filepath.Join(v.realm, file) }
	for name, c := range map[string]struct {
		variable, value string
		principal       string
		says            []string
	}{
		"none":             {variable: "KRB5CCNAME", value: "FILE:/no/such/ticket", says: []string{"kinit", "/no/such/ticket"}},
		"no ticket at all": {variable: "KRB5CCNAME", value: of("krb5.conf"), says: []string{"kinit", "KRB5CCNAME"}},
		"expired":          {variable: "KRB5CCNAME", value: of("expired"), says: []string{"run kinit", "ended at", of("expired")}},
		"no realm":         {variable: "KRB5_CONFIG", value: "/no/such/conf", says: []string{"KRB5_CONFIG", "/no/such/conf"}},
		"another realm":    {variable: "KRB5_CONFIG", value: of("elsewhere.conf"), says: []string{"KRB5_CONFIG", "kinit", "hdfs/localhost"}},
		"no such service":  {principal: "nn/_HOST", says: []string{"nn/localhost"}},
		"another service":  {principal: "HTTP/_HOST", says: []string{"refuses", "dfs.namenode.kerberos.principal"}},
		"not asked for":    {variable: "HADOOP_CONF_DIR", value: t.TempDir(), says: []string{"hadoop.security.authentication", "kinit"}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.variable != "" {
				t.Setenv(c.variable, c.value)
			}
			refusal(t, v.open(t, dir, hdfsufs.Options{Principal: c.principal}), driver.ErrPermission, c.says...)
		})
	}
}

// TestSecureRenewed: a store that was refused for a ticket that has ended works when kinit has made a new one.
func TestSecureRenewed(t *testing.T) {
	v := secureServer(t)
	dir := v.place(t)
	v.put(t, dir+"/f", []byte("bytes"))
	file := filepath.Join(t.TempDir(), "tickets")
	kinit := func(from string) {
		text, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(file, text, 0o600))
	}
	kinit(filepath.Join(v.realm, "expired"))
	good := strings.TrimPrefix(os.Getenv("KRB5CCNAME"), "FILE:")
	t.Setenv("KRB5CCNAME", file)
	s := v.open(t, dir, hdfsufs.Options{})
	refusal(t, s, driver.ErrPermission, "ended at")
	kinit(good)
	a, err := s.Stat(t.Context(), "f")
	require.NoError(t, err)
	require.EqualValues(t, 5, a.Size)
}

// TestSecureUnreadable: blocks that the library could not read are neither read nor written, and the error says what to set.
func TestSecureUnreadable(t *testing.T) {
	v := secureServer(t)
	dir := v.place(t)
	v.put(t, dir+"/f", pattern(5000))
	s := v.open(t, dir, hdfsufs.Options{Dial: withoutAES})
	_, err := s.ReadAt(t.Context(), "f", "", make([]byte, 10), 0)
	require.ErrorIs(t, err, driver.ErrUnsupported)
	require.ErrorContains(t, err, "dfs.encrypt.data.transfer.cipher.suites")
	w, err := s.Create(t.Context(), "g", ufs.CreateOptions{})
	require.NoError(t, err)
	_, err = w.Write(pattern(100_000))
	require.ErrorIs(t, err, driver.ErrUnsupported)
	require.NoError(t, w.Abort(t.Context()))
	require.Zero(t, v.temps(t, dir))
}

// withoutAES connects so that DataNodes, which encrypt by a cipher that their client offers, are offered none, and do it as
// DIGEST-MD5 does.
func withoutAES(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil || addr != os.Getenv("MILLPOND_HDFS_DATANODE") {
		return c, err
	}
	return &offersNothing{Conn: c}, nil
}

type offersNothing struct {
	net.Conn
	writes int
}

// Write takes the cipher out of the second message, a length and a protobuf whose last field it is.
func (c *offersNothing) Write(p []byte) (int, error) {
	c.writes++
	if c.writes != 2 {
		return c.Conn.Write(p)
	}
	_, prefix := binary.Uvarint(p)
	text := p[prefix:]
	const cipherOption = "\x22\x02\x08" // field 4, of 2 bytes, which are field 1
	text = text[:bytes.LastIndex(text, []byte(cipherOption))]
	_, err := c.Conn.Write(append(binary.AppendUvarint(nil, uint64(len(text))), text...))
	return len(p), err
}

// TestSecureUnprotected: a client that was not told of the DataNodes' protection is told what it lacks.
func TestSecureUnprotected(t *testing.T) {
	v := secureServer(t)
	dir := v.place(t)
	v.put(t, dir+"/f", pattern(5000))
	lacking := t.TempDir()
	for _, file := range []string{"core-site.xml", "hdfs-site.xml"} {
		text, err := os.ReadFile(filepath.Join(os.Getenv("HADOOP_CONF_DIR"), file))
		require.NoError(t, err)
		text = bytes.ReplaceAll(text, []byte("dfs.data.transfer.protection"), []byte("of.no.meaning"))
		require.NoError(t, os.WriteFile(filepath.Join(lacking, file), text, 0o600))
	}
	t.Setenv("HADOOP_CONF_DIR", lacking)
	s := v.open(t, dir, hdfsufs.Options{UFS: quick()})
	_, err := s.ReadAt(t.Context(), "f", "", make([]byte, 10), 0)
	require.ErrorContains(t, err, "dfs.data.transfer.protection, which is not in HADOOP_CONF_DIR")
}
