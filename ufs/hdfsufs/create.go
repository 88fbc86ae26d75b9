package hdfsufs

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"path"

	"github.com/colinmarc/hdfs/v2"

	"github.com/millpond/millpond/ufs/driver"
)

// Create begins a file: a temporary one beside that which it becomes. With Parents it lies in the nearest directory that
// is there.
func (s *store) Create(ctx context.Context, key string, o driver.CreateOptions) (driver.Writer, error) {
	p, err := s.child(key)
	if err != nil {
		return nil, err
	}
	x, err := s.pool.take(ctx)
	if err != nil {
		return nil, err
	}
	w := &writer{s: s, x: x, key: key, path: p, o: o}
	err = x.explain(w.begin(cmp.Or(o.Mode.Perm(), 0o644)))
	if err == nil {
		return w, nil
	}
	s.pool.give(x, err)
	if w.temp == "" || w.f == nil && !lost(err) {
		return nil, err
	}
	if _, derr := s.drop(ctx, w.temp); derr != nil { // it may be there
		err = errors.Join(err, w.left(derr))
	}
	return nil, err
}

// begin makes the temporary file.
func (w *writer) begin(mode fs.FileMode) error {
	replication, blockSize, err := w.x.defaults(w.s.o)
	if err != nil {
		return err
	}
	w.blockSize = blockSize
	for dir := path.Dir(w.path); ; dir = path.Dir(dir) {
		w.temp = path.Join(dir, tempName())
		w.f, err = w.x.c.CreateFile(w.temp, replication, blockSize, mode)
		named, _ := condition(err)
		if err == nil || !w.o.Parents || dir == w.s.dir || !errors.Is(named, driver.ErrNotExist) || errors.Is(named, driver.ErrNotDir) {
			break
		}
	}
	if err != nil {
		return err
	}
	st, err := w.x.status(w.temp)
	if err != nil {
		return err
	}
	w.id = st.GetFileId()
	return readable(st)
}

// defaults are how new files are kept.
func (x *session) defaults(o Options) (replication int, blockSize int64, err error) {
	var d hdfs.ServerDefaults
	if o.Replication == 0 || o.BlockSize == 0 {
		if d, err = x.c.ServerDefaults(); err != nil {
			return 0, 0, err
		}
	}
	return cmp.Or(o.Replication, d.Replication), cmp.Or(o.BlockSize, d.BlockSize), nil
}
