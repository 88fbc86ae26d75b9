package cachefs

import (
	"context"

	"github.com/millpond/millpond/internal/namespace"
)

// mayMount keeps users off stores that the process can reach and they cannot: "file:///" is one.
func (n *Node) mayMount(ctx context.Context) error { return n.maySuper(ctx, "mounts and unmounts") }

// maySuper refuses what a superuser alone does.
func (n *Node) maySuper(ctx context.Context, does string) error {
	if u := n.user(ctx); u != nil && !u.Superuser {
		return refuse(ErrPermission, "a superuser, or the process itself, "+does)
	}
	return nil
}

// mayRead reports whether u may read a file's bytes. The namespace has checked the directories above it.
func mayRead(in *namespace.Inode, u *namespace.User) error {
	if !namespace.MayRead(in, u) {
		return ErrPermission
	}
	return nil
}
