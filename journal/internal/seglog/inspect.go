package seglog

import (
	"os"
	"path/filepath"

	"github.com/hashicorp/raft"

	"github.com/millpond/millpond/internal/vfs"
)

// File is what one segment holds.
type File struct {
	Name    string
	Entries []raft.Log
	Torn    int64 // bytes that the next Open cuts off
	Err     error // what does not check; the entries are those before it
}

// Inspect reads every segment in dir and changes nothing.
func Inspect(fsys vfs.FS, dir string) ([]File, error) {
	list, err := names(fsys, dir)
	if err != nil {
		return nil, err
	}
	var out []File
	var before []*segment
	for i, name := range list {
		f, seg, err := inspect(fsys, filepath.Join(dir, name), i == len(list)-1, before)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
		if seg != nil {
			before = []*segment{seg}
		}
	}
	return out, nil
}

func inspect(fsys vfs.FS, path string, last bool, before []*segment) (File, *segment, error) {
	f, err := fsys.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return File{}, nil, err
	}
	defer func() { _ = f.Close() }()
	s, err := check(f, path, last, before)
	out := File{Name: path, Torn: s.torn, Err: err}
	if err != nil || s.empty {
		return out, nil, nil
	}
	seg := &segment{f: f, name: path, first: s.first, seed: saltSum(s.salt), offsets: s.offsets, end: s.end}
	out.Entries = make([]raft.Log, len(s.offsets))
	for i := range out.Entries {
		if err := seg.read(s.first+uint64(i), &out.Entries[i]); err != nil {
			out.Entries, out.Err = out.Entries[:i], err
			break
		}
	}
	return out, seg, nil
}
