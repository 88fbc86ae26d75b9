package link_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// certificates makes an authority, and a certificate of it for every node of a mesh.
func certificates(t *testing.T) *tls.Config {
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign,
	}
	caKey := newKey(t)
	caBytes, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	require.NoError(t, err)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"mesh"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	key := newKey(t)
	leafBytes, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	caCert, err := x509.ParseCertificate(caBytes)
	require.NoError(t, err)
	roots.AddCert(caCert)
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{leafBytes}, PrivateKey: key}},
		RootCAs:      roots, ServerName: "mesh",
	}
}

func newKey(t *testing.T) ed25519.PrivateKey {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	return key
}

// tap keeps all that its connections carry.
type tap struct {
	mu   sync.Mutex
	seen []byte
}

func (p *tap) dial(ctx context.Context, addr string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return tapped{c, p}, nil
}

func (p *tap) bytes() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]byte(nil), p.seen...)
}

func (p *tap) see(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, b...)
}

type tapped struct {
	net.Conn
	p *tap
}

func (c tapped) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.p.see(b[:n])
	return n, err
}

func (c tapped) Write(b []byte) (int, error) {
	c.p.see(b)
	return c.Conn.Write(b)
}

// sent taps only what is written.
func (p *tap) sent(ctx context.Context, addr string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	return writes{c, p}, err
}

type writes struct {
	net.Conn
	p *tap
}

func (c writes) Write(b []byte) (int, error) {
	c.p.see(b)
	return c.Conn.Write(b)
}
