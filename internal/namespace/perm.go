package namespace

import "slices"

// may says whether u may do what the bits ask: 4 read, 2 write, 1 search.
func (n *node) may(u *User, bits uint32) bool {
	if u == nil || u.Superuser {
		return true
	}
	m := uint32(n.Mode.Perm())
	switch {
	case u.Name == n.Owner:
		m >>= 6
	case slices.Contains(u.Groups, n.Group):
		m >>= 3
	default:
		if n.ACL != nil {
			for _, e := range n.ACL.Entries {
				if e.Tag == 'u' && e.Name == u.Name || e.Tag == 'g' && slices.Contains(u.Groups, e.Name) {
					return uint32(e.Perm)&bits == bits
				}
			}
		}
	}
	return m&bits == bits
}

func (n *node) owns(u *User) bool { return u == nil || u.Superuser || u.Name == n.Owner }
