package fileufs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"time"

	"github.com/millpond/millpond/ufs/driver"
)

// writer writes a temporary file beside the one that it becomes.
type writer struct {
	ctx  context.Context
	s    *store
	root *os.Root
	f    *os.File
	temp string
	key  string
	name string
	o    driver.CreateOptions
	err  error // of a Write: there is nothing to publish
}

// Create begins a file. With Parents the temporary file lies in the nearest directory that is there.
func (s *store) Create(ctx context.Context, key string, o driver.CreateOptions) (driver.Writer, error) {
	n, err := child(key)
	if err != nil {
		return nil, err
	}
	mode := o.Mode.Perm()
	if mode == 0 {
		mode = 0o644
	}
	w := &writer{ctx: ctx, s: s, root: s.place.root.Load(), key: key, name: n, o: o}
	for dir := path.Dir(key); ; dir = path.Dir(dir) {
		w.temp = path.Join(dir, tempName())
		w.f, err = w.root.OpenFile(w.temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
		if err == nil || !o.Parents || dir == "." || !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if err != nil {
		return nil, s.fail(w.root, err)
	}
	lock(w.f)
	return w, nil
}

func (w *writer) Write(p []byte) (int, error) {
	if w.ctx.Err() != nil {
		return 0, context.Cause(w.ctx)
	}
	n, err := w.f.Write(p)
	if err != nil {
		w.err = w.s.fail(w.root, err)
	}
	return n, w.err
}

// Commit publishes the file and makes that outlive a loss of power.
func (w *writer) Commit(ctx context.Context) (driver.Attr, error) {
	if err := w.finish(ctx); err != nil {
		w.drop()
		return driver.Attr{}, w.s.fail(w.root, err)
	}
	dirs, err := w.publish()
	if err != nil {
		w.drop()
		return driver.Attr{}, w.s.fail(w.root, err)
	}
	for _, dir := range dirs {
		if err := syncDir(w.root, dir); err != nil {
			return driver.Attr{}, &driver.Unknown{Err: w.s.fail(w.root, err)} // it shows, and may not outlive a loss of power
		}
	}
	a, err := w.s.Stat(ctx, w.key)
	if err != nil {
		return driver.Attr{}, &driver.Unknown{Err: err}
	}
	return a, nil
}

// finish makes the temporary file whole and durable.
func (w *writer) finish(ctx context.Context) error {
	if w.err != nil {
		w.f.Close()
		return w.err
	}
	// A time that no tick of the kernel's clock has: whoever writes the file next gives it another.
	now := time.Now()
	_ = w.root.Chtimes(w.temp, now, now) // where that is refused, looks wait for the tick's end
	err := w.f.Sync()
	if cerr := w.f.Close(); err == nil {
		err = cerr
	}
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return err
}

// publish gives the file its name, and returns the directories to sync.
func (w *writer) publish() (dirs []string, err error) {
	dirs = []string{path.Dir(w.key)}
	if w.o.Parents {
		made, err := makeDirs(w.root, path.Dir(w.key), 0o755)
		if err != nil {
			return nil, err
		}
		dirs = append(dirs, made...)
	}
	if w.o.IfAbsent {
		return dirs, renameAbsent(w.root, w.temp, w.name)
	}
	return dirs, w.root.Rename(w.temp, w.name)
}

func (w *writer) drop() error {
	err := w.root.Remove(w.temp)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Abort leaves nothing.
func (w *writer) Abort(context.Context) error {
	w.f.Close() // it may be closed already; nothing that was written counts
	if err := w.drop(); err != nil {
		return fmt.Errorf("temporary file %q: %w", w.temp, w.s.fail(w.root, err))
	}
	return nil
}
