package link

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"time"
)

// errKey is a certificate whose key is from no secret of this node's.
var errKey = errors.New("the key is not derived from the secret")

// derived are the identities for TLS that come from a node's secrets: an Ed25519 key for each secret and each side of a
// connection. Who has the secret has them; certificates only carry them, and nothing in those is looked at but the key.
type derived []pair

type pair struct{ client, server tls.Certificate }

func deriveIdentities(secrets []string) (d derived, err error) {
	for _, s := range secrets {
		var p pair
		if p.client, err = deriveCertificate(s, roleClient); err != nil {
			return nil, err
		}
		if p.server, err = deriveCertificate(s, roleServer); err != nil {
			return nil, err
		}
		d = append(d, p)
	}
	return d, nil
}

func deriveCertificate(secret, role string) (c tls.Certificate, err error) {
	seed, err := hkdf.Key(sha256.New, []byte(secret), nil, "millpond mesh v1 tls "+role, ed25519.SeedSize)
	if err != nil {
		return c, err
	}
	key := ed25519.NewKeyFromSeed(seed)
	// The dates are not looked at: a clock that is off is found, and named, by the handshake that follows.
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// server presents this node's own key, and takes any client whose key is from one of the secrets.
func (d derived) server() *tls.Config {
	return strict(&tls.Config{
		Certificates: []tls.Certificate{d[0].server},
		ClientAuth:   tls.RequireAnyClientCert,
		VerifyConnection: func(s tls.ConnectionState) error {
			_, err := d.match(s, func(p pair) tls.Certificate { return p.client })
			return err
		},
	})
}

// client takes any server whose key is from one of the secrets, and presents the key from the same one.
func (d derived) client() *tls.Config {
	var shared pair
	return strict(&tls.Config{
		InsecureSkipVerify: true, // VerifyConnection does it: there is no authority, the key itself is known
		VerifyConnection: func(s tls.ConnectionState) (err error) {
			shared, err = d.match(s, func(p pair) tls.Certificate { return p.server })
			return err
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &shared.client, nil },
	})
}

// match finds the secret that the other side's key is from.
func (d derived) match(s tls.ConnectionState, of func(pair) tls.Certificate) (pair, error) {
	if len(s.PeerCertificates) != 1 {
		return pair{}, errKey
	}
	theirs, ok := s.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
	for _, p := range d {
		ours := of(p).PrivateKey.(ed25519.PrivateKey).Public().(ed25519.PublicKey)
		if ok && bytes.Equal(ours, theirs) {
			return p, nil
		}
	}
	return pair{}, errKey
}
