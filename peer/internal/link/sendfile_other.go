//go:build !linux

package link

import (
	"io"
	"os"
)

// sendFile writes front, then n bytes of f from off, through memory. It returns how many of those were written: fewer
// without an error means that f failed or ended.
func sendFile(conn socket, front []byte, f *os.File, off int64, n int) (done int, err error) {
	if _, err := conn.Write(front); err != nil {
		return 0, err
	}
	file := &fileEnd{r: io.NewSectionReader(f, off, int64(n))}
	m, err := io.Copy(conn, file)
	return int(m), err
}

// fileEnd hides a file's error: it ends there.
type fileEnd struct{ r io.Reader }

func (f *fileEnd) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != nil {
		err = io.EOF
	}
	return n, err
}
