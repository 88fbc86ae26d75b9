package hdfsufs

import (
	"context"
	"fmt"
	"io/fs"
	"time"

	"github.com/colinmarc/hdfs/v2"

	"github.com/millpond/millpond/ufs/driver"
)

// Kinds of what a NameNode lists: HdfsFileStatusProto.FileType.
const (
	kindDir  = 1
	kindFile = 2
)

// attr describes what a NameNode says of a key; false if that is neither a file nor a directory.
func attr(key string, st *hdfs.FileStatus) (driver.Attr, bool) {
	a := driver.Attr{
		Key: key, Dir: st.GetFileType() == kindDir, ModTime: time.UnixMilli(int64(st.GetModificationTime())),
		Mode: fs.FileMode(st.GetPermission().GetPerm()).Perm(), Owner: st.GetOwner(), Group: st.GetGroup(),
	}
	if !a.Dir {
		a.Size = int64(st.GetLength())
		a.Version = version(st)
	}
	return a, a.Dir || st.GetFileType() == kindFile
}

// version names a file's bytes. A file that takes another's name has another id; one that is appended to has another
// length; one that is cut and appended to another time.
func version(st *hdfs.FileStatus) string {
	return fmt.Sprintf("%d-%d-%d", st.GetFileId(), st.GetLength(), st.GetModificationTime())
}

// status asks for a path.
func (x *session) status(path string) (*hdfs.FileStatus, error) {
	fi, err := x.c.Stat(path)
	if err != nil {
		return nil, err
	}
	return statusOf(fi)
}

func statusOf(fi fs.FileInfo) (*hdfs.FileStatus, error) {
	st, ok := fi.Sys().(*hdfs.FileStatus)
	if !ok {
		return nil, fmt.Errorf("%w: the library says %T of a file", driver.ErrUnsupported, fi.Sys())
	}
	return st, nil
}

// status asks for a path by a session of its own.
func (s *store) status(ctx context.Context, path string) (st *hdfs.FileStatus, err error) {
	err = s.call(ctx, func(x *session) error {
		st, err = x.status(path)
		return err
	})
	return st, err
}

// Stat describes a key.
func (s *store) Stat(ctx context.Context, key string) (driver.Attr, error) {
	p, err := s.path(key)
	if err != nil {
		return driver.Attr{}, err
	}
	st, err := s.status(ctx, p)
	if err != nil {
		return driver.Attr{}, err
	}
	a, ok := attr(key, st)
	if !ok {
		return driver.Attr{}, fmt.Errorf("%w: neither a file nor a directory", driver.ErrNotExist)
	}
	return a, nil
}

// readable refuses what the library would hand out, or take, as if it were plain bytes.
func readable(st *hdfs.FileStatus) error {
	switch {
	case st.GetFileEncryptionInfo() != nil:
		return fmt.Errorf("%w: a file in an encryption zone", driver.ErrUnsupported)
	case st.GetEcPolicy() != nil:
		return fmt.Errorf("%w: an erasure-coded file", driver.ErrUnsupported)
	}
	return nil
}
