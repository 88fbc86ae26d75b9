package peer

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/millpond/millpond/peer/internal/link"
)

const (
	minSecret  = 16 // bytes: people type secrets, and one that is guessed opens everything
	maxName    = 64 // bytes of a label: all of them are gossiped
	maxVersion = 32
	maxGrace   = time.Hour
)

// faults collects what is wrong with a struct.
type faults struct {
	of   string // the struct
	errs []error
}

func (f *faults) add(field string, value any, want string) {
	f.errs = append(f.errs, fmt.Errorf("%w: peer.%s.%s is %v: %s", fs.ErrInvalid, f.of, field, value, want))
}

// label refuses a name that is too long to be told to everybody.
func (f *faults) label(field, value string) {
	if len(value) > maxName {
		f.add(field, strconv.Quote(value), fmt.Sprintf("use up to %d bytes", maxName))
	}
}

// check reports everything that is wrong with a Config that has its defaults. Secrets are not in the errors.
func (c Config) check() error {
	f := faults{of: "Config"}
	c.checkAddresses(&f)
	c.checkSecrets(&f)
	f.label("Cluster", c.Cluster)
	f.label("Zone", c.Zone)
	f.label("Rack", c.Rack)
	if c.GraceTime > maxGrace {
		f.add("GraceTime", c.GraceTime, fmt.Sprintf("use up to %v", maxGrace))
	}
	return errors.Join(f.errs...)
}

func (c Config) checkAddresses(f *faults) {
	host, ok := hostPort(c.Bind)
	switch {
	case !ok:
		f.add("Bind", strconv.Quote(c.Bind), `use host:port, "127.0.0.1:0" or ":7946" for example`)
	case c.Secret == "" && !c.Insecure && !loopback(host):
		f.add("Bind", strconv.Quote(c.Bind), "beyond the loopback give a Secret (with Encrypt, if others read the network), or say Insecure")
	}
	if c.Advertise != "" {
		if host, ok := hostPort(c.Advertise); !ok || host == "" || unspecified(host) {
			f.add("Advertise", strconv.Quote(c.Advertise), `use the host:port at which others reach this node, "10.1.2.3:7946" for example`)
		}
	}
	for i, j := range c.Join {
		if why := checkSource(j); why != "" {
			f.add(fmt.Sprintf("Join[%d]", i), strconv.Quote(j), why)
		}
	}
}

func (c Config) checkSecrets(f *faults) {
	if c.Secret != "" && len(c.Secret) < minSecret {
		f.add("Secret", fmt.Sprintf("%d bytes", len(c.Secret)), fmt.Sprintf("use %d or more, the output of `openssl rand -hex 32` for example", minSecret))
	}
	if len(c.OldSecrets) >= link.MaxSecrets {
		f.add("OldSecrets", fmt.Sprintf("%d of them", len(c.OldSecrets)), fmt.Sprintf("use up to %d", link.MaxSecrets-1))
	}
	for i, s := range c.OldSecrets {
		if len(s) < minSecret {
			f.add(fmt.Sprintf("OldSecrets[%d]", i), fmt.Sprintf("%d bytes", len(s)), fmt.Sprintf("use %d or more", minSecret))
		}
	}
	if c.TLS != nil && c.Encrypt {
		f.add("Encrypt", "set beside TLS", "use one of them: with TLS the keys are yours, with Encrypt they come from the secret")
	}
	if c.TLS != nil && len(c.TLS.Certificates) == 0 && c.TLS.GetCertificate == nil {
		f.add("TLS.Certificates", "empty", "give this node's")
	}
	if c.TLS != nil && c.TLS.RootCAs == nil {
		f.add("TLS.RootCAs", "nil", "give the authority that signs the nodes' certificates: any public one would do otherwise")
	}
	if c.Secret != "" {
		return
	}
	if len(c.OldSecrets) > 0 {
		f.add("OldSecrets", "set without Secret", "give the new one as Secret")
	}
	if c.TLS != nil {
		f.add("TLS", "set without Secret", "give a Secret as well: gossip is UDP, which TLS does not cover")
	}
	if c.Encrypt {
		f.add("Encrypt", "set without Secret", "give a Secret: the keys are derived from it")
	}
}

// complete returns o with its defaults, or everything that is wrong with it.
func (o Options) complete() (Options, error) {
	if o.ID == "" {
		o.ID = randomID()
	}
	if o.Version == "" {
		o.Version = moduleVersion()
	}
	f := faults{of: "Options"}
	if len(o.ID) > maxName || strings.ContainsFunc(o.ID, func(r rune) bool { return r <= ' ' || r == '/' || r == 0x7f }) {
		f.add("ID", strconv.Quote(o.ID), fmt.Sprintf("use up to %d bytes without spaces or slashes", maxName))
	}
	if len(o.Version) > maxVersion {
		f.add("Version", strconv.Quote(o.Version), fmt.Sprintf("use up to %d bytes", maxVersion))
	}
	if o.Handler == nil {
		f.add("Handler", "nil", "give one that serves what others ask")
	}
	return o, errors.Join(f.errs...)
}

// randomID is an id that no other node has.
func randomID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// moduleVersion is the version of this module in the program.
func moduleVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, m := range append([]*debug.Module{&info.Main}, info.Deps...) {
		if m.Path == "github.com/millpond/millpond" && m.Version != "" {
			return m.Version[:min(len(m.Version), maxVersion)]
		}
	}
	return "unknown"
}

// checkSource says what is wrong with an entry of Join; "" if nothing is.
func checkSource(s string) string {
	if path, ok := strings.CutPrefix(s, "file:"); ok {
		if path == "" {
			return `use "file:/path"`
		}
		return ""
	}
	if strings.HasPrefix(s, "_") {
		if _, _, _, ok := splitSRV(s); !ok {
			return `use "_service._tcp.name" of an SRV record`
		}
		return ""
	}
	if host, ok := hostPort(s); !ok || host == "" || strings.HasSuffix(s, ":0") {
		return `use "host:port", "_service._tcp.name" or "file:/path"`
	}
	return ""
}

// splitSRV takes "_mesh._tcp.example.org" apart.
func splitSRV(s string) (service, proto, name string, ok bool) {
	parts := strings.SplitN(s, ".", 3)
	if len(parts) != 3 || len(parts[0]) < 2 || parts[1] != "_tcp" && parts[1] != "_udp" || parts[2] == "" {
		return "", "", "", false
	}
	return parts[0][1:], parts[1][1:], parts[2], true
}

// hostPort reports the host of "host:port", and whether that is one.
func hostPort(s string) (host string, ok bool) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return "", false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return host, err == nil
}

// loopback reports whether nobody but this machine reaches host.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback() || host == "localhost"
}

// unspecified reports whether host stands for all interfaces.
func unspecified(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsUnspecified()
}
