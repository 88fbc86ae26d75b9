package cachefs

import (
	"context"

	"github.com/millpond/millpond/journal"
)

// Recover is for a person: it begins the journal anew, from the newest replica that answers, after a majority of its voters was
// lost for good. lost are the ids of the voters that do not answer, as Cluster has them. It refuses (journal.ErrNotLost, with what is
// wrong) while anybody leads, or while enough voters answer. Changes and blocks that only lost nodes had are gone; a lost node that comes back after
// all is refused until its Dir was emptied. See journal.Journal.Recover. With Config.Permissions it is for the process itself and
// superusers.
func (n *Node) Recover(ctx context.Context, lost []string) (journal.Recovery, error) {
	if err := n.ready(ctx); err != nil {
		return journal.Recovery{}, err
	}
	if err := n.maySuper(ctx, "begins the journal anew"); err != nil {
		return journal.Recovery{}, err
	}
	return n.journal.Recover(ctx, lost)
}
