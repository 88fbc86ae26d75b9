package hdfsufs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

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
