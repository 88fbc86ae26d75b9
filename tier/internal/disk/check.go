package disk

import (
	"context"
	"fmt"
	"io"

	"github.com/millpond/millpond/internal/vfs"
)

// Report is what Check found.
type Report struct {
	Dir              string
	Segments, Blocks int
	Held, Pinned     int
	Bytes, DiskBytes int64
	Lost             uint64 // index records without bytes
	BadRecords       uint64 // damaged index records
	Corrupt          []ID   // blocks that do not match their checksum
	Unreadable       []error
}

// OK says that nothing is damaged.
func (r *Report) OK() bool {
	return r.BadRecords == 0 && len(r.Corrupt) == 0 && len(r.Unreadable) == 0
}

// WriteTo prints the report for people.
func (r *Report) WriteTo(w io.Writer) (int64, error) {
	n, err := fmt.Fprintf(w, "%s: %d blocks (%d held, %d pinned), %d bytes in %d segments, %d on disk\n",
		r.Dir, r.Blocks, r.Held, r.Pinned, r.Bytes, r.Segments, r.DiskBytes)
	total := int64(n)
	say := func(format string, args ...any) {
		if err == nil {
			n, err = fmt.Fprintf(w, format, args...)
			total += int64(n)
		}
	}
	if r.Lost > 0 {
		say("%d blocks without bytes: a crash took them\n", r.Lost)
	}
	if r.BadRecords > 0 {
		say("%d damaged index records\n", r.BadRecords)
	}
	for _, id := range r.Corrupt {
		say("block %x: does not match its checksum\n", id)
	}
	for _, e := range r.Unreadable {
		say("%v\n", e)
	}
	return total, err
}

// Check reads a directory that no Dir has open, verifies every block and changes nothing. The error is one of finding
// or reading the directory, as of Open.
func Check(ctx context.Context, fsys vfs.FS, dir string) (*Report, error) {
	if err := checkFormat(fsys, dir); err != nil {
		return nil, err
	}
	d := &Dir{fs: fsys, path: dir, readOnly: true, recovered: make(chan struct{})}
	d.newIndex()
	d.segments.Store(&map[uint32]*segment{})
	d.ctx, d.stop = context.WithCancel(ctx)
	defer d.release()
	if err := d.openSegments(); err != nil {
		return nil, err
	}
	if _, err := d.load(); err != nil {
		return nil, err
	}
	d.settle()
	r := &Report{Dir: dir, Segments: len(*d.segments.Load())}
	for info := range d.All() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		d.checkBlock(r, info)
	}
	r.DiskBytes, r.Lost, r.BadRecords = d.DiskBytes(), d.count.lost.Load(), d.count.badRecords.Load()
	return r, nil
}

func (d *Dir) checkBlock(r *Report, info Info) {
	r.Blocks++
	r.Bytes += info.Length
	if info.Flags&Held != 0 {
		r.Held++
	}
	if info.Flags&Pinned != 0 {
		r.Pinned++
	}
	switch err := d.Verify(info.ID); err {
	case nil:
	case ErrCorrupt:
		r.Corrupt = append(r.Corrupt, info.ID)
	default:
		r.Unreadable = append(r.Unreadable, fmt.Errorf("block %x: %w", info.ID, err))
	}
}
