package hdfsufs_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	krb "github.com/jcmturner/gokrb5/v8/client"
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/hdfsufs"
	"github.com/millpond/millpond/ufs/ufstest"
)

// configured makes a Hadoop configuration of these properties the environment's; nil for none.
func configured(t testing.TB, properties map[string]string) {
	t.Setenv("HADOOP_HOME", "")
	t.Setenv("HADOOP_USER_NAME", "me")
	if properties == nil {
		t.Setenv("HADOOP_CONF_DIR", "")
		return
	}
	var b strings.Builder
	for name, value := range properties {
		fmt.Fprintf(&b, "<property><name>%s</name><value>%s</value></property>", name, value)
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "core-site.xml"), []byte("<configuration>"+b.String()+"</configuration>"), 0o600))
	t.Setenv("HADOOP_CONF_DIR", dir)
}

// cluster is a name service.
var cluster = map[string]string{
	"fs.defaultFS": "hdfs://mill", "dfs.nameservices": "mill,other", "dfs.ha.namenodes.mill": "nn1, nn2",
	"dfs.namenode.rpc-address.mill.nn1": "one:8020", "dfs.namenode.rpc-address.mill.nn2": "two:8021", "dfs.namenode.rpc-address.other.nn1": "three:8020",
}

// TestIDs: one place has one name, and one that lies in another begins with its.
func TestIDs(t *testing.T) {
	for _, c := range []struct {
		conf    map[string]string
		url, id string
	}{
		{nil, "hdfs://nn/a/b", "hdfs://nn:8020/a/b"},
		{nil, "hdfs://nn:9000", "hdfs://nn:9000"},
		{nil, "hdfs://nn:9000/?user=you", "hdfs://nn:9000"},
		{nil, "hdfs://two,one:9000/a/", "hdfs://one:9000,two:8020/a"},
		{nil, "hdfs://[::1]/a", "hdfs://[::1]:8020/a"},
		{nil, "hdfs://NN.Example:8020,nn.example:8020/a", "hdfs://nn.example:8020/a"},
		{cluster, "hdfs:///a", "hdfs://mill/a"},
		{cluster, "hdfs://mill/a", "hdfs://mill/a"},
		{cluster, "hdfs://elsewhere/a%20b", "hdfs://elsewhere:8020/a b"},
	} {
		configured(t, c.conf)
		s, err := ufs.Open(t.Context(), c.url, nil)
		require.NoError(t, err, c.url)
		require.Equal(t, c.id, s.ID(), c.url)
		require.NoError(t, s.Close())
	}
}

// TestNameService: its NameNodes are those of the configuration, in their order, and no other's.
func TestNameService(t *testing.T) {
	down, active := newFake(t, nil), newFake(t, nil)
	down.close()
	c := map[string]string{"dfs.ha.namenodes.mill": "nn1,nn2", "dfs.namenode.rpc-address.mill.nn1": down.addr(), "dfs.namenode.rpc-address.mill.nn2": active.addr()}
	configured(t, c)
	s, err := hdfsufs.Open("mill", "/place", nil)
	require.NoError(t, err)
	defer s.Close()
	_, err = s.Stat(t.Context(), "f")
	require.NoError(t, err)
	require.Equal(t, []string{"getFileInfo"}, active.made())
}

func TestURLRefused(t *testing.T) {
	configured(t, nil)
	ufstest.RefusedURLs(t, map[string]string{
		"hdfs:nn":                         "want hdfs://NAMENODE:PORT/PATH?user=NAME",
		"hdfs://me@nn/a":                  "want hdfs://NAMENODE:PORT/PATH?user=NAME",
		"hdfs://me:hunter2@nn/a":          "a password before the host",
		"hdfs://nn/a?token=hunter2":       "name credentials by reference",
		"hdfs://nn/a?keytab=hunter2":      "name credentials by reference",
		"hdfs://nn/a?password=hunter2":    "name credentials by reference",
		"hdfs://nn/a?replication=hunter2": "unknown option",
		"hdfs://nn/a?user=me&user=you":    "given twice",
		"hdfs://nn/a/../b":                "..",
		"hdfs://nn//a":                    "empty",
		"hdfs://me:12/a//hunter2@nn":      "empty",
		"hdfs://nn,/a":                    "want HOST:PORT",
		"hdfs://nn:8020,:8020/a":          "want HOST:PORT",
	})
	require.NoError(t, ufs.CheckURL("hdfs:///a"), "Hadoop's configuration may have a NameNode")
	_, err := ufs.Open(t.Context(), "hdfs:///a", nil)
	require.ErrorIs(t, err, driver.ErrInvalid)
	require.ErrorContains(t, err, "no NameNode")
	_, err = hdfsufs.Open("nn", "/", &hdfsufs.Options{Replication: -1, BlockSize: 1000})
	for _, say := range []string{"Replication is -1", "BlockSize is 1000"} {
		require.ErrorContains(t, err, say, "all that is wrong at once")
	}
	_, err = hdfsufs.Open("nn", "relative", nil)
	require.ErrorIs(t, err, driver.ErrInvalid)
	_, err = hdfsufs.Open("nn/dir", "/", nil)
	require.ErrorIs(t, err, driver.ErrInvalid)
}

// FuzzURL opens any URL. Nobody is asked.
func FuzzURL(f *testing.F) {
	for _, raw := range []string{"hdfs://nn/a", "hdfs://nn,nn:1/%2e%2e/", "hdfs://[::1]/\x00", "hdfs://u:p@nn?x=y", "hdfs:///?user="} {
		f.Add(raw)
	}
	configured(f, nil)
	f.Fuzz(func(t *testing.T, raw string) {
		if !strings.HasPrefix(raw, "hdfs:") {
			return
		}
		s, err := ufs.Open(context.Background(), raw, nil)
		if err != nil {
			return
		}
		require.True(t, strings.HasPrefix(s.ID(), "hdfs://"), s.ID())
		require.False(t, strings.HasSuffix(s.ID(), "/"), s.ID())
		require.NoError(t, s.Close())
	})
}

// TestUsers: that of the URL, or else of the environment.
func TestUsers(t *testing.T) {
	configured(t, nil)
	f := newFake(t, nil)
	for option, want := range map[string]string{"?user=you": "you", "": "me"} {
		s, err := ufs.Open(t.Context(), "hdfs://"+f.addr()+"/"+option, nil)
		require.NoError(t, err)
		_, err = s.Stat(t.Context(), "f")
		require.NoError(t, err)
		require.NoError(t, s.Close())
		require.Equal(t, want, f.user())
	}
}

// TestKerberos: what is missing is said at Open, or when there is no ticket at the first call, and names what would do.
func TestKerberos(t *testing.T) {
	secure := map[string]string{"hadoop.security.authentication": "kerberos"}
	configured(t, secure)
	_, err := hdfsufs.Open("nn", "/", nil)
	require.ErrorIs(t, err, driver.ErrInvalid)
	require.ErrorContains(t, err, "dfs.namenode.kerberos.principal")

	secure["dfs.namenode.kerberos.principal"] = "nn/_HOST@REALM"
	configured(t, secure)
	_, err = hdfsufs.Open("nn", "/", &hdfsufs.Options{User: "me"})
	require.ErrorIs(t, err, driver.ErrInvalid)
	require.ErrorContains(t, err, "the ticket says who it is")

	for cache, want := range map[string]error{"/no/such/file": driver.ErrPermission, "FILE:/no/such/file": driver.ErrPermission, "KEYRING:persistent:0": driver.ErrInvalid} {
		t.Setenv("KRB5CCNAME", cache)
		s, err := hdfsufs.Open("nn", "/", nil)
		require.NoError(t, err)
		_, err = s.Stat(t.Context(), "f")
		require.ErrorIs(t, err, want, cache)
		require.NoError(t, s.Close())
	}

	asked := 0
	s, err := hdfsufs.Open("nn", "/", &hdfsufs.Options{Kerberos: func() (*krb.Client, error) { asked++; return &krb.Client{}, nil }})
	require.NoError(t, err)
	_, err = s.Stat(t.Context(), "f")
	require.ErrorContains(t, err, "missing credentials")
	require.Positive(t, asked, "the program's own")
	require.NoError(t, s.Close())
}

// TestKerberosIsWanted: a NameNode that lets nobody in without it says so to no call in particular, and hangs up. The error
// says what to set, of a change too, which certainly did nothing.
func TestKerberosIsWanted(t *testing.T) {
	configured(t, nil)
	f := newFake(t, nil)
	f.greeting = "org.apache.hadoop.security.AccessControlException SIMPLE authentication is not enabled.  Available:[TOKEN, KERBEROS]"
	s := f.open()
	hasty, err := hdfsufs.Open("nn", "/place", &hdfsufs.Options{User: "me", Dial: hungUp, UFS: quick()})
	require.NoError(t, err)
	defer hasty.Close()
	_, err = s.Stat(t.Context(), "f")
	for _, err := range []error{err, s.Delete(t.Context(), "f"), hasty.Delete(t.Context(), "f")} {
		require.ErrorIs(t, err, driver.ErrPermission)
		require.ErrorContains(t, err, "Options.Kerberos")
		require.ErrorContains(t, err, "hadoop.security.authentication")
		require.False(t, unknown(err))
	}
}

// hungUp connects to a NameNode that has said that it wants Kerberos, and left, before it is asked anything.
func hungUp(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	theirs.Close()
	return &farewell{ours, strings.NewReader("org.apache.hadoop.security.AccessControlException SIMPLE authentication is not enabled.")}, nil
}

// farewell is a connection that can be read no further than words.
type farewell struct {
	net.Conn
	words *strings.Reader
}

func (c *farewell) Read(p []byte) (int, error) { return c.words.Read(p) }
