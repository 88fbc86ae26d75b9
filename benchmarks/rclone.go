package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/rclone/rclone/backend/local"
	rconfig "github.com/rclone/rclone/fs/config"
	"github.com/rclone/rclone/fs/config/configmap"
	"github.com/rclone/rclone/vfs"
	"github.com/rclone/rclone/vfs/vfscommon"
)

// rcloneVFS is goal 19: rclone's VFS with cache mode full, embedded in this process, both warm.
func rcloneVFS(r *report) error {
	ctx := context.Background()
	const size = 256 * miB
	fx, err := newFixture(ctx, r, size+64*miB, 1, size)
	if err != nil {
		return err
	}
	defer fx.close()
	theirs, done, err := openRclone(ctx, r.dir, fx.dir)
	if err != nil {
		return err
	}
	defer done()
	ours, err := fx.node.Open(ctx, fx.name(0), nil)
	if err != nil {
		return err
	}
	defer ours.Close()
	for _, c := range []struct {
		step int64
		want float64
	}{{4 * kiB, 5}, {miB, 1.4}} {
		p := make([]byte, c.step)
		name := fmt.Sprintf("%d KiB against rclone VFS, warm", c.step/kiB)
		if err := r.compare(name, atLeast(c.want), true, false, at(ours, p, jump(size, c.step)), at(theirs, p, jump(size, c.step))); err != nil {
			return err
		}
	}
	return r.compare("4 KiB, 8 goroutines, against rclone VFS", atLeast(5), true, false, shared(ours, size), shared(theirs, size))
}

// shared reads 4 KiB pieces from eight goroutines.
func shared(src io.ReaderAt, size int64) side {
	return func(n int) error {
		var wg sync.WaitGroup
		errs := make(chan error, 8)
		for range 8 {
			wg.Go(func() { errs <- at(src, make([]byte, 4*kiB), jump(size, 4*kiB))(n/8 + 1) })
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// openRclone opens the fixture's first file through rclone and reads all of it once.
func openRclone(ctx context.Context, scratch, dir string) (io.ReaderAt, func(), error) {
	if err := rconfig.SetCacheDir(filepath.Join(scratch, "rclone")); err != nil {
		return nil, nil, err
	}
	f, err := local.NewFs(ctx, "local", dir, configmap.Simple{})
	if err != nil {
		return nil, nil, err
	}
	opt := vfscommon.Opt
	opt.CacheMode = vfscommon.CacheModeFull
	opt.CachePollInterval = 0
	v := vfs.New(ctx, f, &opt)
	h, err := v.OpenFile("f000000", os.O_RDONLY, 0)
	if err != nil {
		return nil, nil, err
	}
	p := make([]byte, miB)
	for off := int64(0); ; off += miB {
		if _, err := h.ReadAt(p, off); err == io.EOF {
			break
		} else if err != nil {
			return nil, nil, err
		}
	}
	return h, func() {
		h.Close()
		v.WaitForWriters(10 * time.Second)
		v.Shutdown()
	}, nil
}
