package fileufs

import (
	"context"
	"io"
	"os"
	"slices"
	"sync"
)

// dirNames are the names in a directory, sorted.
type dirNames struct {
	list []string
	size int // bytes that they take
}

// readChunk is how many names are read between two looks at the context: a few milliseconds.
const readChunk = 4096

// readNames reads a directory, our temporary files apart.
func readNames(ctx context.Context, r *os.Root, dir string) (names *dirNames, temps []string, err error) {
	f, err := r.Open(dir)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	names = &dirNames{}
	for {
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		some, err := f.Readdirnames(readChunk)
		for _, n := range some {
			if isTemp(n) {
				temps = append(temps, n)
				continue
			}
			names.list = append(names.list, n)
			names.size += len(n) + 32 // its header, and what an allocation rounds up
		}
		if err == io.EOF {
			slices.Sort(names.list)
			return names, temps, nil
		}
		if err != nil {
			return nil, nil, err
		}
	}
}

// maxKept bounds the names that wait for next pages: 64 MiB are some two million.
const maxKept = 64 << 20

// kept holds the names of the directories that listings are in the middle of, those put last.
type kept struct {
	mu struct {
		sync.Mutex
		dirs []keptDir // the one put last at the end
		size int       // bytes
	}
}

type keptDir struct {
	dir   string
	names *dirNames
}

// take hands out what is kept of a directory; nil for nothing. It is put again for another page.
func (k *kept) take(dir string) *dirNames {
	k.mu.Lock()
	defer k.mu.Unlock()
	i := slices.IndexFunc(k.mu.dirs, func(d keptDir) bool { return d.dir == dir })
	if i < 0 {
		return nil
	}
	names := k.mu.dirs[i].names
	k.removeLocked(i)
	return names
}

// put keeps the names of a directory, at the cost of those put first. The last one stays whatever its size: to read it
// again for each page would take as much memory, and longer.
func (k *kept) put(dir string, names *dirNames) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if i := slices.IndexFunc(k.mu.dirs, func(d keptDir) bool { return d.dir == dir }); i >= 0 {
		k.removeLocked(i)
	}
	k.mu.dirs = append(k.mu.dirs, keptDir{dir, names})
	k.mu.size += names.size
	for k.mu.size > maxKept && len(k.mu.dirs) > 1 {
		k.removeLocked(0)
	}
}

func (k *kept) removeLocked(i int) {
	k.mu.size -= k.mu.dirs[i].names.size
	k.mu.dirs = slices.Delete(k.mu.dirs, i, i+1)
}
