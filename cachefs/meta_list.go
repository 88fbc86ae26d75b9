package cachefs

import (
	"context"
	"iter"
	"strings"

	"github.com/millpond/millpond/internal/namespace"
)

const listPage = 256 // entries taken from the replica at a time: what one walk holds

// List yields what is in a directory, sorted by name bytes; recursive in the order of fs.WalkDir. A directory that was
// never listed is listed in its store first, page by page. What changes meanwhile may or may not show. An error ends
// the walk and is yielded once, with nil.
func (n *Node) List(ctx context.Context, path string, o *ListOptions) iter.Seq2[*Info, error] {
	opts := deref(o)
	return func(yield func(*Info, error) bool) {
		w := walk{n: n, ctx: ctx, opts: opts, yield: yield, user: n.user(ctx)}
		if err := w.root(path); err != nil {
			yield(nil, pathError("list", path, err))
		}
	}
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

type walk struct {
	n     *Node
	ctx   context.Context
	opts  ListOptions
	user  *namespace.User
	yield func(*Info, error) bool
	cut   int // where the relative part of a path begins
	count int
	stop  bool // the caller broke off, or the limit is reached

	listed string // a directory that was listed just now
}

func (w *walk) root(path string) error {
	if err := checkPath(path); err != nil {
		return err
	}
	if err := w.opts.check(); err != nil {
		return err
	}
	if w.opts.Consistent {
		if err := w.n.barrier(w.ctx); err != nil {
			return err
		}
	}
	in, listed, err := w.n.lookToList(w.ctx, path, w.opts.Sync)
	switch {
	case err != nil:
		return err
	case !in.Dir:
		return ErrNotDir
	case listed:
		w.listed = path
	}
	if w.cut = len(path) + 1; path == "/" {
		w.cut = 1
	}
	return w.dir(path, &in, strings.TrimSuffix(w.opts.StartAfter, "/"))
}

// dir walks one directory: what comes after the relative path start in it.
func (w *walk) dir(path string, in *namespace.Inode, start string) error {
	if path != w.listed {
		if err := w.n.ensureListed(w.ctx, path, in, w.opts.Sync); err != nil {
			return err
		}
	}
	after, rest, _ := strings.Cut(start, "/")
	if after != "" {
		// What lies below the name that the walk starts after comes after it, too.
		if err := w.below(join(path, after), rest); err != nil || w.stop {
			return err
		}
	}
	for {
		list, more, err := w.n.tree.Entries(path, w.user, after, listPage)
		if err != nil {
			return err
		}
		if err := w.entries(list); err != nil || w.stop || !more || len(list) == 0 {
			return err
		}
		after = baseOf(list[len(list)-1].Path())
	}
}

func (w *walk) entries(list []*namespace.Entry) error {
	for _, e := range list {
		if err := w.entry(e); err != nil || w.stop {
			return err
		}
	}
	return nil
}

// below walks what comes after start below a directory that itself was passed already.
func (w *walk) below(path, start string) error {
	if !w.opts.Recursive || !w.descend(path[w.cut:]) {
		return nil
	}
	in, err := w.n.tree.Stat(path, w.user)
	if err != nil || !in.Dir {
		return nil // it went meanwhile, or is a file: nothing below
	}
	return w.dir(path, &in, start)
}

func (w *walk) entry(e *namespace.Entry) error {
	if err := w.ctx.Err(); err != nil {
		return context.Cause(w.ctx)
	}
	rel := e.Path()[w.cut:]
	if strings.HasPrefix(rel, w.opts.Prefix) {
		if !w.yield((*Info)(e), nil) {
			w.stop = true
			return nil
		}
		if w.count++; w.count == w.opts.Limit {
			w.stop = true
			return nil
		}
	}
	if !w.opts.Recursive || !e.Dir() || !w.descend(rel) {
		return nil
	}
	in, ok := w.n.tree.Get(e.Ino())
	if !ok {
		return nil // it went meanwhile
	}
	return w.dir(e.Path(), &in, "")
}

// descend reports whether a directory can hold names with the prefix.
func (w *walk) descend(rel string) bool {
	return strings.HasPrefix(rel+"/", w.opts.Prefix) || strings.HasPrefix(w.opts.Prefix, rel+"/")
}
