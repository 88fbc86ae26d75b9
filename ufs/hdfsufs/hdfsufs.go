package hdfsufs

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"

	krb "github.com/jcmturner/gokrb5/v8/client"

	"github.com/millpond/millpond/internal/cleaning"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

func init() {
	ufs.RegisterParser("hdfs", func(u *url.URL) (driver.Place, error) {
		p, err := parse(u)
		if err == nil {
			err = p.check()
		}
		return driver.Place{Open: func(context.Context) (driver.Store, string, error) { return open(p, Options{}) }}, err
	})
}

// Options tune Open. The zero value is the environment's usual configuration: that of HADOOP_CONF_DIR, and as whom by
// HADOOP_USER_NAME or, where Hadoop's configuration wants Kerberos, by the ticket that kinit left.
type Options struct {
	// User is who works there, without Kerberos. Default: HADOOP_USER_NAME, else the system's user.
	User string

	// Kerberos makes the library's client for a new connection, with credentials in it; how long one is used again, and
	// what is done about a ticket that has expired, is its own. Default: none, or where hadoop.security.authentication is
	// kerberos the ticket cache of KRB5CCNAME, read again when it has changed.
	Kerberos func() (*krb.Client, error)
	// Principal is that of the NameNodes, such as nn/_HOST. Default: dfs.namenode.kerberos.principal.
	Principal string

	// Replication is how many copies new files have. Default: as the NameNode says.
	Replication int
	// BlockSize is that of new files, in bytes: a multiple of 512, the bytes of one checksum. Default: as the NameNode says.
	BlockSize int64

	// Dial connects to NameNodes and DataNodes. Default: a net.Dialer's DialContext.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	UFS *ufs.Options // retries, limits, breaker. Default: its zero value
}

// ticket is Kerberos, nil for none.
func (o Options) ticket() func() (ticket, error) {
	if o.Kerberos == nil {
		return nil
	}
	return func() (ticket, error) {
		c, err := o.Kerberos()
		return ticket{Client: c}, err
	}
}

// check says everything that is wrong with o.
func (o Options) check() error {
	var bad []string
	if o.Replication < 0 || o.Replication > maxReplication {
		bad = append(bad, fmt.Sprintf("Replication is %d; want 1 to %d, or 0 (as the NameNode says)", o.Replication, maxReplication))
	}
	if o.BlockSize < 0 || o.BlockSize%chunk != 0 {
		bad = append(bad, fmt.Sprintf("BlockSize is %d; want a multiple of %d, or 0 (as the NameNode says)", o.BlockSize, chunk))
	}
	if len(bad) > 0 {
		return fmt.Errorf("%w: hdfsufs.Options: %s", driver.ErrInvalid, strings.Join(bad, "; "))
	}
	return nil
}

// maxReplication is what a NameNode can count.
const maxReplication = 1<<15 - 1

// chunk is how many bytes of what the library writes have one checksum.
const chunk = 512

// Open opens the directory dir, an absolute path, of the NameNodes at authority: "host:port" or several of these with
// commas between them, a name service of Hadoop's configuration, or "" for that of fs.defaultFS. It connects to nobody
// yet. o may be nil.
func Open(authority, dir string, o *Options) (*ufs.Store, error) {
	var opts Options
	if o != nil {
		opts = *o
	}
	d, id, err := open(place{authority: authority, dir: dir}, opts)
	if err != nil {
		return nil, err
	}
	return ufs.New(d, id, opts.UFS)
}

func open(p place, o Options) (driver.Store, string, error) {
	if err := o.check(); err != nil {
		return nil, "", err
	}
	if err := p.check(); err != nil {
		return nil, "", err
	}
	c, err := load()
	if err != nil {
		return nil, "", err
	}
	if p.user != "" {
		o.User = p.user
	}
	authority, namenodes, err := c.resolve(p.authority)
	if err != nil {
		return nil, "", err
	}
	options, err := c.client(o, namenodes)
	if err != nil {
		return nil, "", err
	}
	dir := p.clean()
	return &store{dir: dir, o: o, pool: newPool(options, o.Dial), cleaner: cleaning.New()}, strings.TrimSuffix("hdfs://"+authority+dir, "/"), nil
}

// store is a driver.Store.
type store struct {
	dir     string // absolute
	o       Options
	pool    *pool
	cleaner *cleaning.Cleaner
}

func (s *store) Caps() driver.Caps {
	return driver.Caps{
		Rename: true, RenameDir: true, AtomicReplace: true, Directories: true, IfAbsent: true,
		Mode: true, Owner: true, PageSize: mostListed,
	}
}

func (s *store) Close() error {
	s.cleaner.Close()
	return s.pool.close()
}
