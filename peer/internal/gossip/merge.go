package gossip

import (
	"fmt"
	"net/netip"

	"github.com/hashicorp/memberlist"
)

// SameIDError is two live nodes with one id.
type SameIDError struct {
	ID          string
	Here, There netip.AddrPort // where this node knows it, and where the other side does
}

func (e *SameIDError) Error() string {
	return fmt.Sprintf("node %s is alive at %v and at %v: give each node an id of its own; one that has just moved is let in when its old address is seen to be dead", e.ID, e.Here, e.There)
}

// merger refuses to merge with nodes that know a live node at another address. memberlist asks it on both sides of a join.
type merger struct{ g *Gossip }

func (m merger) NotifyMerge(others []*memberlist.Node) error {
	for _, other := range others {
		if other.State == memberlist.StateDead || other.State == memberlist.StateLeft {
			continue
		}
		here, lives := m.g.lives(other.Name)
		if there := addrOf(other.Addr, other.Port); lives && here != there {
			err := &SameIDError{ID: other.Name, Here: here, There: there}
			m.g.cfg.Conflict(err)
			return err
		}
	}
	return nil
}

func addrOf(ip []byte, port uint16) netip.AddrPort {
	addr, _ := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(addr.Unmap(), port)
}
