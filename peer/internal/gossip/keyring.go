package gossip

import "github.com/hashicorp/memberlist"

func deriveAll(secrets []string, cluster string) []keys {
	if len(secrets) == 0 {
		return []keys{deriveKeys("", cluster)}
	}
	ks := make([]keys, len(secrets))
	for i, s := range secrets {
		ks[i] = deriveKeys(s, cluster)
	}
	return ks
}

// newKeyring makes memberlist's ring of keys, with which it encrypts packets and streams.
func newKeyring(ks []keys) *memberlist.Keyring {
	r := &memberlist.Keyring{}
	use(r, ks)
	return r
}

// use makes the first key the one that encrypts, and adds the others. Keys that are no longer accepted stay in the ring:
// nothing that was made with them comes past the packets' envelopes and the streams' authentication.
func use(r *memberlist.Keyring, ks []keys) {
	for _, k := range ks {
		_ = r.AddKey(k.encrypt) // it fails for a wrong length only
	}
	_ = r.UseKey(ks[0].encrypt)
}

// SetSecrets changes the secrets: the first one encrypts, all are accepted. A node that began without stays without.
func (g *Gossip) SetSecrets(secrets []string) {
	if g.keyring == nil || len(secrets) == 0 {
		return
	}
	ks := deriveAll(secrets, g.cfg.Cluster)
	use(g.keyring, ks)
	g.seal.keys.Store(&ks)
}
