package link

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
)

// exporterLabel binds the handshake to the TLS connection below it: a proof is no good on another one.
const exporterLabel = "EXPORTER-millpond-mesh-v1"

// secureClient wraps conn in TLS, if this node does that, and binds the handshake to it.
func (e *Endpoint) secureClient(conn net.Conn, addr string, t *transcript) (net.Conn, error) {
	switch {
	case e.cfg.Encrypt:
		return e.underTLS(tls.Client(&records{Conn: conn}, e.trust.Load().derived.client()), t)
	case e.cfg.TLS != nil:
		return e.underTLS(tls.Client(&records{Conn: conn}, ownClient(e.cfg.TLS, addr)), t)
	}
	return conn, nil
}

func (e *Endpoint) secureServer(conn net.Conn, t *transcript) (net.Conn, error) {
	switch {
	case e.cfg.Encrypt:
		return e.underTLS(tls.Server(&records{Conn: conn}, e.trust.Load().derived.server()), t)
	case e.cfg.TLS != nil:
		return e.underTLS(tls.Server(&records{Conn: conn}, ownServer(e.cfg.TLS)), t)
	}
	return conn, nil
}

// underTLS does TLS's own handshake. The deadline of the connection below ends it.
func (e *Endpoint) underTLS(conn *tls.Conn, t *transcript) (net.Conn, error) {
	if err := conn.Handshake(); err != nil {
		return nil, e.tlsError(err)
	}
	state := conn.ConnectionState()
	key, err := state.ExportKeyingMaterial(exporterLabel, nil, macLen)
	if err != nil {
		return nil, err
	}
	t.add(key)
	return conn, nil
}

// tlsError says what a failure of TLS means: with keys from the secret, a key that is not accepted is another secret. The side
// that presents the key learns it from an alert, perhaps as late as from its first read.
func (e *Endpoint) tlsError(err error) error {
	op, ok := errors.AsType[*net.OpError](err)
	remote := ok && op.Op == "remote error"
	certificate := errors.As(err, new(*tls.CertificateVerificationError)) || errors.Is(err, errKey)
	switch {
	case !remote && !certificate || errors.Is(err, os.ErrDeadlineExceeded):
		return err
	case e.cfg.Encrypt:
		return &RefusedError{Reason: ErrSecret, Remote: remote}
	}
	return &RefusedError{Reason: ErrCertificate, Remote: remote, Detail: err.Error()}
}

// ownClient is people's own configuration for a connection to addr. The name that the other side's certificate has to
// have is theirs to set, or else the host that is dialled.
func ownClient(own *tls.Config, addr string) *tls.Config {
	c := strict(own)
	if c.ServerName == "" {
		c.ServerName, _, _ = net.SplitHostPort(addr)
	}
	return c
}

// ownServer asks for a certificate, too.
func ownServer(own *tls.Config) *tls.Config {
	c := strict(own)
	if c.ClientCAs == nil {
		c.ClientCAs = c.RootCAs
	}
	c.ClientAuth = tls.RequireAndVerifyClientCert
	return c
}

// strict is what both sides have in common.
func strict(own *tls.Config) *tls.Config {
	c := own.Clone()
	c.MinVersion = max(c.MinVersion, tls.VersionTLS13)
	c.SessionTicketsDisabled = true      // each connection shows its certificate
	c.DynamicRecordSizingDisabled = true // these are blocks, not first bytes of pages
	return c
}
