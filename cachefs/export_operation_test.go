package cachefs

import (
	"time"

	"github.com/millpond/millpond/journal"
)

// Tried is what the next attempt tells a node to find out, after attempts that no node answered.
func Tried(errs ...error) (tried []journal.OpID, unacknowledged int) {
	s := journal.NewSession(time.Now)
	a := attempts{c: &Client{session: s}}
	for _, err := range errs {
		a.next()
		a.answered(&elsewhere{err})
	}
	return a.tried, s.Open()
}
