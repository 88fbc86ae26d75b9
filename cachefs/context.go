package cachefs

import (
	"context"

	"github.com/millpond/millpond/internal/namespace"
)

// User is on whose behalf a call is made: what Config.Permissions checks.
type User struct {
	Name      string
	Groups    []string
	Superuser bool // may do everything
}

type userKey struct{}

// WithUser returns a context whose calls are made on u's behalf. Without one they are the process's own, and may do
// everything.
func WithUser(ctx context.Context, u User) context.Context {
	return context.WithValue(ctx, userKey{}, &namespace.User{Name: u.Name, Groups: u.Groups, Superuser: u.Superuser})
}

// user is whose permissions are to be checked: nil if nobody's.
func (n *Node) user(ctx context.Context) *namespace.User {
	if !n.cfg.Permissions {
		return nil
	}
	u, _ := ctx.Value(userKey{}).(*namespace.User)
	return u
}

// owner is who owns what a call makes.
func owner(ctx context.Context) (name, group string) {
	u, _ := ctx.Value(userKey{}).(*namespace.User)
	if u == nil {
		return "", ""
	}
	if len(u.Groups) > 0 {
		group = u.Groups[0]
	}
	return u.Name, group
}
