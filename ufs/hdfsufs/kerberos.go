package hdfsufs

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	krb "github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/credentials"

	"github.com/millpond/millpond/ufs/driver"
)

// ticketCache is the file that kinit writes. What was read of it is used until it is written again.
type ticketCache struct {
	mu struct {
		sync.Mutex
		written time.Time
		client  *krb.Client
	}
}

func (t *ticketCache) client() (*krb.Client, error) {
	file, err := ticketFile()
	if err != nil {
		return nil, err
	}
	fi, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("%w: no Kerberos ticket (kinit makes one): %w", driver.ErrPermission, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.client != nil && t.mu.written.Equal(fi.ModTime()) {
		return t.mu.client, nil
	}
	c, err := readTicket(file)
	if err != nil {
		return nil, fmt.Errorf("%w: Kerberos: %w", driver.ErrPermission, err)
	}
	t.mu.client, t.mu.written = c, fi.ModTime()
	return c, nil
}

// ticketFile is where kinit puts it. Caches that are no files are the system's own business.
func ticketFile() (string, error) {
	name := cmp.Or(os.Getenv("KRB5CCNAME"), fmt.Sprintf("/tmp/krb5cc_%d", os.Getuid()))
	kind, file, typed := strings.Cut(name, ":")
	switch {
	case !typed:
		return name, nil
	case kind == "FILE":
		return file, nil
	}
	return "", fmt.Errorf("%w: KRB5CCNAME is of kind %s; want FILE", driver.ErrInvalid, kind)
}

func readTicket(file string) (*krb.Client, error) {
	cfg, err := config.Load(cmp.Or(os.Getenv("KRB5_CONFIG"), "/etc/krb5.conf"))
	if err != nil {
		return nil, err
	}
	cache, err := credentials.LoadCCache(file)
	if err != nil {
		return nil, err
	}
	return krb.NewFromCCache(cache, cfg)
}
