package hdfsufs_test

import (
	"crypto/rand"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/colinmarc/hdfs/v2"
	"github.com/colinmarc/hdfs/v2/hadoopconf"
	krb "github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/hdfsufs"
	"github.com/millpond/millpond/ufs/ufstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a real HDFS, and a stranger's client to it.
type server struct {
	namenode string
	realm    string // the directory with the keytab of its Kerberos realm; "" without Kerberos
	client   *hdfs.Client
}

// realServer is the server that the environment names.
func realServer(tb testing.TB) *server {
	tb.Helper()
	namenode := os.Getenv("MILLPOND_HDFS_NAMENODE")
	if namenode == "" {
		tb.Skip("no MILLPOND_HDFS_NAMENODE in the environment: make test-servers starts a server and sets it")
	}
	v := &server{namenode: namenode, realm: os.Getenv("MILLPOND_HDFS_REALM")}
	conf, err := hadoopconf.LoadFromEnvironment()
	require.NoError(tb, err)
	o := hdfs.ClientOptionsFromConf(conf)
	o.Addresses, o.User = []string{namenode}, os.Getenv("HADOOP_USER_NAME")
	if v.realm != "" {
		o.KerberosClient = v.login(tb, "miller")
	}
	v.client, err = hdfs.NewClient(o)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, v.client.Close()) })
	return v
}

// as makes o that of another user.
func (v *server) as(tb testing.TB, user string, o hdfsufs.Options) hdfsufs.Options {
	if v.realm == "" {
		o.User = user
		return o
	}
	c := v.login(tb, user)
	o.Kerberos = func() (*krb.Client, error) { return c, nil }
	return o
}

// login is Kerberos' client of a user, by the realm's keytab, as a program makes it that has one.
func (v *server) login(tb testing.TB, user string) *krb.Client {
	tb.Helper()
	cfg, err := config.Load(os.Getenv("KRB5_CONFIG"))
	require.NoError(tb, err)
	keys, err := keytab.Load(path.Join(v.realm, "keytab"))
	require.NoError(tb, err)
	c := krb.NewWithKeytab(user, cfg.LibDefaults.DefaultRealm, keys, cfg)
	require.NoError(tb, c.Login())
	tb.Cleanup(c.Destroy)
	return c
}

// place makes a fresh directory that everybody may write to, and that the test's end removes.
func (v *server) place(tb testing.TB) string {
	tb.Helper()
	dir := "/millpond-test-" + rand.Text()
	require.NoError(tb, v.client.Mkdir(dir, 0o777))
	tb.Cleanup(func() { require.NoError(tb, v.client.RemoveAll(dir)) })
	return dir
}

// open opens a directory.
func (v *server) open(tb testing.TB, dir string, o hdfsufs.Options) *ufs.Store {
	tb.Helper()
	s, err := hdfsufs.Open(v.namenode, dir, &o)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}

// dirOf is the directory of a store.
func dirOf(s *ufs.Store) string {
	_, dir, _ := strings.Cut(strings.TrimPrefix(s.ID(), "hdfs://"), "/")
	return "/" + dir
}

// temps counts the temporary files below a directory.
func (v *server) temps(tb testing.TB, dir string) (n int) {
	tb.Helper()
	require.NoError(tb, v.client.Walk(dir, func(p string, _ os.FileInfo, err error) error {
		if strings.HasPrefix(path.Base(p), ".millpond-tmp-") {
			n++
		}
		return err
	}))
	return n
}

// TestServerConformance runs the table, in blocks of 4 MiB so that files have several.
func TestServerConformance(t *testing.T) {
	v := realServer(t)
	o := hdfsufs.Options{BlockSize: 4 << 20}
	ufstest.Run(t, ufstest.Harness{
		Open:      func(tb testing.TB) *ufs.Store { return v.open(tb, v.place(tb), o) },
		Second:    func(tb testing.TB, s *ufs.Store) *ufs.Store { return v.open(tb, dirOf(s), o) },
		Leftovers: func(tb testing.TB, s *ufs.Store) int { return v.temps(tb, dirOf(s)) },
		Deny: func(tb testing.TB, s *ufs.Store, key string) *ufs.Store {
			require.NoError(tb, v.client.Chmod(path.Join(dirOf(s), key), 0o600))
			return v.open(tb, dirOf(s), v.as(tb, "stranger", hdfsufs.Options{}))
		},
	})
}

// put writes a file as a stranger does, over what is there.
func (v *server) put(tb testing.TB, name string, data []byte) {
	tb.Helper()
	require.NoError(tb, v.client.RemoveAll(name))
	require.NoError(tb, v.client.MkdirAll(path.Dir(name), 0o777))
	f, err := v.client.Create(name)
	require.NoError(tb, err)
	if len(data) > 0 {
		_, err = f.Write(data)
		require.NoError(tb, err)
	}
	for err = f.Close(); hdfs.IsErrReplicating(err); {
		err = f.Close()
	}
	require.NoError(tb, err)
}
