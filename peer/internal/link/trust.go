package link

import (
	"errors"
	"fmt"
)

// trust is what a node's secrets are good for. A handshake that runs while they change may fail, and is made again.
type trust struct {
	secrets []secret
	derived derived // with Encrypt
}

func newTrust(secrets []string, encrypt bool) (t *trust, err error) {
	t = &trust{}
	if t.secrets, err = deriveSecrets(secrets); err != nil {
		return nil, err
	}
	if encrypt {
		t.derived, err = deriveIdentities(secrets)
	}
	return t, err
}

// any reports whether secrets are asked for at all.
func (t *trust) any() bool { return len(t.secrets) > 0 }

// shared reports whether one of the proofs was made with one of the secrets.
func (t *trust) shared(role string, of *transcript, given [][]byte) bool {
	_, ok := matching(t.secrets, role, of, given)
	return ok
}

// SetSecrets changes Config.Secrets. Connections that are there stay; those that are made from now on use them. A node that
// has secrets goes on having some, and one that has none cannot begin to.
func (e *Endpoint) SetSecrets(secrets []string) error {
	if (len(secrets) > 0) != e.trust.Load().any() {
		return errors.New("secrets can be changed, but neither begun nor ended, while a node runs")
	}
	c := e.cfg
	c.Secrets = secrets
	if err := c.validate(); err != nil {
		return err
	}
	t, err := newTrust(secrets, c.Encrypt)
	if err != nil {
		return fmt.Errorf("secrets: %w", err)
	}
	e.trust.Store(t)
	return nil
}
