package hdfsufs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	krb "github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/krberror"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/millpond/millpond/ufs/driver"
)

// ticket is who a session is, and what shows it.
type ticket struct {
	*krb.Client
	file string    // the ticket cache; "" for a client of the program's own
	ends time.Time // when the cache's ticket does
}

// show gets the ticket for the NameNode at addr. The library does so as well, and finds it in its client then; but it has no
// context, and keeps no more of a refusal than text. KDCs that do not answer are waited for by a goroutine, each at most 10 s.
func (t ticket) show(ctx context.Context, addr, principal string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	service := principal
	if name, wild := strings.CutSuffix(principal, "/_HOST"); wild {
		service = name + "/" + host
	}
	got := make(chan error, 1)
	go func() {
		_, _, err := t.GetServiceTicket(service)
		got <- err
	}()
	select {
	case err := <-got:
		return t.refused(service, err)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// refused says why there is no ticket, and what would do.
func (t ticket) refused(service string, err error) error {
	switch {
	case err == nil:
		return nil
	case t.file != "" && time.Now().After(t.ends):
		return fmt.Errorf("%w: the Kerberos ticket in %s ended at %s: run kinit", driver.ErrPermission, t.file, t.ends.Local().Format(time.DateTime))
	case t.silent(err):
		return fmt.Errorf("%w: no Kerberos KDC of realm %s answers: %w", driver.ErrUnavailable, t.Credentials.Realm(), err)
	}
	return fmt.Errorf("%w: no Kerberos ticket for %s: %w (is it of the realm that KRB5_CONFIG names? klist shows it, kinit makes one)", driver.ErrPermission, service, err)
}

// silent reports whether there are KDCs, of which none said anything.
func (t ticket) silent(err error) bool {
	e, is := errors.AsType[krberror.Krberror](err)
	if !is || e.RootCause != krberror.NetworkingError {
		return false
	}
	_, kdcs, err := t.Config.GetKDCs(t.Credentials.Realm(), true)
	return err == nil && len(kdcs) > 0
}

// ticketCache is the file that kinit writes. What was read of it is used until it is written again.
type ticketCache struct {
	mu struct {
		sync.Mutex
		written time.Time
		ticket  ticket
	}
}

func (c *ticketCache) read() (ticket, error) {
	file, err := ticketFile()
	if err != nil {
		return ticket{}, err
	}
	fi, err := os.Stat(file)
	if err != nil {
		return ticket{}, fmt.Errorf("%w: no Kerberos ticket (kinit makes one): %v", driver.ErrPermission, err) // no %w: it is no file of the store's that is missing
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.ticket.Client != nil && c.mu.written.Equal(fi.ModTime()) {
		return c.mu.ticket, nil
	}
	t, err := readTicket(file)
	if err != nil {
		return ticket{}, fmt.Errorf("%w: Kerberos: %v (KRB5CCNAME names the ticket that kinit makes, KRB5_CONFIG its realm)", driver.ErrPermission, err)
	}
	c.mu.ticket, c.mu.written = t, fi.ModTime()
	return t, nil
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

func readTicket(file string) (ticket, error) {
	cfg, err := config.Load(cmp.Or(os.Getenv("KRB5_CONFIG"), "/etc/krb5.conf"))
	if err != nil {
		return ticket{}, err
	}
	cache, err := credentials.LoadCCache(file)
	if err != nil {
		return ticket{}, err
	}
	c, err := krb.NewFromCCache(cache, cfg)
	if err != nil {
		return ticket{}, err
	}
	granting, _ := cache.GetEntry(types.PrincipalName{NameType: nametype.KRB_NT_SRV_INST, NameString: []string{"krbtgt", cache.DefaultPrincipal.Realm}})
	return ticket{Client: c, file: file, ends: granting.EndTime}, nil
}
