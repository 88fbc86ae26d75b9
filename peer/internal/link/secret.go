package link

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
)

// secret is what is derived from one of a node's secrets.
type secret struct{ auth []byte }

func deriveSecrets(all []string) (out []secret, err error) {
	for _, s := range all {
		key, err := hkdf.Key(sha256.New, []byte(s), nil, "millpond mesh v1 authentication", sha256.Size)
		if err != nil {
			return nil, err
		}
		out = append(out, secret{auth: key})
	}
	return out, nil
}

// transcript is all that both sides have said, and, under TLS, what only the ends of this connection know.
type transcript struct{ parts [][]byte }

func (t *transcript) add(p []byte) { t.parts = append(t.parts, p) }

// proof shows that its maker knows the secret, and means this connection. Its role keeps a proof from being sent back to
// who made it.
func (s secret) proof(role string, t *transcript) []byte {
	m := hmac.New(sha256.New, s.auth)
	for _, p := range append([][]byte{[]byte(role)}, t.parts...) {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(p)))
		m.Write(n[:])
		m.Write(p)
	}
	return m.Sum(nil)
}

const (
	roleClient = "client"
	roleServer = "server"
)

// proofs makes one of each secret.
func proofs(all []secret, role string, t *transcript) (out [][]byte) {
	for _, s := range all {
		out = append(out, s.proof(role, t))
	}
	return out
}

// matching finds the secret that made one of the proofs.
func matching(all []secret, role string, t *transcript, given [][]byte) (secret, bool) {
	for _, s := range all {
		want := s.proof(role, t)
		for _, p := range given {
			if hmac.Equal(want, p) {
				return s, true
			}
		}
	}
	return secret{}, false
}
