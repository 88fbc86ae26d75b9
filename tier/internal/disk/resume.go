package disk

import "errors"

// Resume says whether a directory that failed takes writes again, and mends what the failure left: it writes a new log
// and a snapshot of the index. nil: everything that was changed meanwhile is durable.
func (d *Dir) Resume() error {
	if d.closed.Load() {
		return ErrClosed
	}
	if err := d.Present(); err != nil {
		return err
	}
	if _, err := d.probe(); err != nil {
		return d.fail("create", err)
	}
	if err := d.compactIndex(); err != nil {
		return err
	}
	return d.syncLog(d.log.last())
}

// Present says whether the directory is still where it was opened: a descriptor outlives the removal of its file, and
// what is written to it then is lost with the process.
func (d *Dir) Present() error {
	d.log.file.Lock()
	name := d.log.file.name
	d.log.file.Unlock()
	_, err := d.fs.Stat(name)
	return d.fail("open", err)
}

// Reconcile drops from d, which was opened again, what old, the same directory, has dropped since it was opened, and
// gives the rest the flags that they have there. old may be closed: changes in its memory that never reached the disk
// count. What was put or marked in d since it was opened is newer than all that old knows, and stays. Errors: *DirError,
// if flags could not be made durable.
func (d *Dir) Reconcile(old *Dir) error {
	var first error
	stale := func(e *entry) bool { return !e.changed() }
	for info := range d.All() {
		_, _, flags, ok := old.Lookup(info.ID)
		if !ok {
			why := Deleted
			d.drop(&info.ID, stale, &why)
			continue
		}
		if err := d.mark(info.ID, flags, ^flags, stale); err != nil && !errors.Is(err, ErrMiss) && first == nil {
			first = err
		}
	}
	return first
}
