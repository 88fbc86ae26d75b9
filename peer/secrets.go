package peer

// secrets are the one that counts, and those that are accepted.
func (c Config) secrets() []string {
	if c.Secret == "" {
		return nil
	}
	return append([]string{c.Secret}, c.OldSecrets...)
}

// SetSecrets changes Config.Secret and Config.OldSecrets while the mesh runs. Everybody keeps hearing everybody if first
// all nodes accept the new secret, then all use it, then all forget the old one. A mesh that has no secret cannot be given
// one, nor lose the one it has.
func (m *Mesh) SetSecrets(secret string, old ...string) error {
	c := m.cfg
	c.Secret, c.OldSecrets = secret, old
	if err := c.Check(); err != nil {
		return err
	}
	if err := m.link.SetSecrets(c.secrets()); err != nil {
		return err
	}
	m.gossip.SetSecrets(c.secrets())
	return nil
}
