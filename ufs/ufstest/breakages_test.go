package ufstest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millpond/millpond/ufs/driver"
)

// breakages are the promises that drivers break, and the items that must see it.
var breakages = []struct {
	name   string
	items  []int
	breaks func(b *broken)
}{
	{"shows what is not committed", []int{1, 56}, func(b *broken) { b.onCreate = b.eager }},
	{"forgets empty files", []int{2, 6}, func(b *broken) { b.writers(func(w *mangled) { w.skipEmpty = true }) }},
	{"makes parents unasked", []int{3}, func(b *broken) {
		b.onCreate = func(ctx context.Context, key string, o driver.CreateOptions) (driver.Writer, error) {
			o.Parents = true
			return b.good.Create(ctx, key, o)
		}
	}},
	{"makes no parents", []int{4}, func(b *broken) {
		b.onCreate = func(ctx context.Context, key string, o driver.CreateOptions) (driver.Writer, error) {
			o.Parents = false
			return b.good.Create(ctx, key, o)
		}
	}},
	{"flips a byte", []int{5, 7, 8, 9, 10, 40}, func(b *broken) { b.good.Play("open flip=0") }},
	{"knows no offsets", []int{7, 10}, func(b *broken) {
		b.onOpen = func(ctx context.Context, key string, off, n int64, version string) (io.ReadCloser, driver.Attr, error) {
			return b.good.Open(ctx, key, 0, n, version)
		}
	}},
	{"deletes nothing", []int{11, 12, 13, 14, 15}, func(b *broken) { b.onDelete = func(context.Context, string) error { return nil } }},
	{"deletes full directories", []int{12}, func(b *broken) { b.onDelete = b.deleteTree }},
	{"deletes what begins with the name", []int{15}, func(b *broken) {
		b.onDelete = func(ctx context.Context, key string) error {
			err := b.good.Delete(ctx, key)
			p, _ := b.good.List(ctx, driver.ListOptions{})
			for _, a := range p.Entries {
				if err == nil && a.Key != key && strings.HasPrefix(a.Key, key) {
					b.deleteTree(ctx, a.Key)
				}
			}
			return err
		}
	}},
	{"deletes what is not there", []int{48, 15}, func(b *broken) {
		b.onDelete = func(ctx context.Context, key string) error {
			err := b.good.Delete(ctx, key)
			if errors.Is(err, driver.ErrNotExist) {
				return nil
			}
			return err
		}
	}},
	{"takes directories for files", []int{16, 17, 18, 35}, func(b *broken) { b.stats(func(a *driver.Attr) { a.Dir = false }) }},
	{"gives directories versions", []int{17, 52}, func(b *broken) {
		b.stats(func(a *driver.Attr) {
			if a.Dir {
				a.Version = "v"
			}
		})
	}},
	{"does not see directories", []int{16, 17, 18, 27, 34, 35, 41, 42}, func(b *broken) {
		b.onStat = func(ctx context.Context, key string) (driver.Attr, error) {
			a, err := b.good.Stat(ctx, key)
			if a.Dir {
				return driver.Attr{}, driver.ErrNotExist
			}
			return a, err
		}
	}},
	{"counts sizes wrong in Stat", []int{19}, func(b *broken) { b.stats(func(a *driver.Attr) { a.Size++ }) }},
	{"counts sizes wrong in Open", []int{20}, func(b *broken) { b.opens(func(a *driver.Attr) { a.Size++ }) }},
	{"counts sizes wrong in List", []int{21, 29}, func(b *broken) { b.entries(func(a *driver.Attr) { a.Size++ }) }},
	{"counts sizes wrong in Commit", []int{22}, func(b *broken) { b.writers(func(w *mangled) { w.attr = func(a *driver.Attr) { a.Size++ } }) }},
	{"knows no times", []int{23}, func(b *broken) { b.stats(func(a *driver.Attr) { a.ModTime = time.Time{} }) }},
	{"finds names by their beginning", []int{24, 25}, func(b *broken) {
		b.onStat = func(ctx context.Context, key string) (driver.Attr, error) {
			a, err := b.good.Stat(ctx, key)
			p, _ := b.good.List(ctx, driver.ListOptions{})
			for _, e := range p.Entries {
				if errors.Is(err, driver.ErrNotExist) && strings.HasPrefix(e.Key, key) {
					e.Key = key
					return e, nil
				}
			}
			return a, err
		}
	}},
	{"says of a missing path that it is no directory", []int{26}, func(b *broken) {
		b.onStat = func(ctx context.Context, key string) (driver.Attr, error) {
			a, err := b.good.Stat(ctx, key)
			if errors.Is(err, driver.ErrNotExist) && strings.Contains(key, "/") {
				err = driver.ErrNotDir
			}
			return a, err
		}
	}},
	{"opens directories", []int{27}, func(b *broken) {
		b.onOpen = func(ctx context.Context, key string, off, n int64, version string) (io.ReadCloser, driver.Attr, error) {
			rc, a, err := b.good.Open(ctx, key, off, n, version)
			if errors.Is(err, driver.ErrIsDir) {
				return io.NopCloser(strings.NewReader("")), driver.Attr{Key: key}, nil
			}
			return rc, a, err
		}
	}},
	{"lists the directory itself", []int{28, 30, 36}, func(b *broken) {
		b.pages(func(o driver.ListOptions, p *driver.Page) {
			p.Entries = append([]driver.Attr{{Key: o.Prefix, Dir: true}}, p.Entries...)
		})
	}},
	{"lists names in lower case", []int{29}, func(b *broken) { b.entries(func(a *driver.Attr) { a.Key = strings.ToLower(a.Key) }) }},
	{"lists missing directories", []int{30}, func(b *broken) { b.lists(driver.ErrNotExist) }},
	{"lists files", []int{31}, func(b *broken) { b.lists(driver.ErrNotDir) }},
	{"lists one page", []int{32, 51}, func(b *broken) {
		b.pages(func(_ driver.ListOptions, p *driver.Page) {
			p.Entries, p.Token = p.Entries[:min(50, len(p.Entries))], ""
		})
	}},
	{"lists the last of a page again", []int{32, 51}, func(b *broken) {
		last := driver.Attr{}
		b.pages(func(o driver.ListOptions, p *driver.Page) {
			if o.Token != "" && len(p.Entries) > 0 {
				p.Entries[0] = last
			}
			if len(p.Entries) > 0 {
				last = p.Entries[len(p.Entries)-1]
			}
		})
	}},
	{"lists one level", []int{33, 37}, func(b *broken) {
		b.onList = func(ctx context.Context, o driver.ListOptions) (driver.Page, error) {
			o.Recursive = false
			return b.good.List(ctx, o)
		}
	}},
	{"lists files alone", []int{28, 36, 38}, func(b *broken) {
		b.pages(func(_ driver.ListOptions, p *driver.Page) {
			p.Entries = slices.DeleteFunc(p.Entries, func(a driver.Attr) bool { return a.Dir })
		})
	}},
	{"makes no directories", []int{34, 17}, func(b *broken) {
		b.onMkdir = func(context.Context, string, bool, fs.FileMode) error { return nil }
	}},
	{"copies in place of renaming", []int{39, 40, 49}, func(b *broken) {
		b.onRename = func(ctx context.Context, from, to string, overwrite bool) (driver.Attr, error) {
			a, data := b.content(ctx, from)
			if a.Dir || a.Key == "" {
				return b.good.Rename(ctx, from, to, overwrite)
			}
			return b.publish(ctx, to, data)
		}
	}},
	{"renames directories without what is in them", []int{41, 42, 43, 44}, func(b *broken) {
		b.onRename = func(ctx context.Context, from, to string, overwrite bool) (driver.Attr, error) {
			if a, err := b.good.Stat(ctx, from); err != nil || !a.Dir {
				return b.good.Rename(ctx, from, to, overwrite)
			}
			return b.good.Stat(ctx, from)
		}
	}},
	{"loses the parts after the first", []int{45}, func(b *broken) { b.writers(func(w *mangled) { w.most = 5 << 20 }) }},
	{"publishes what is aborted", []int{45}, func(b *broken) { b.writers(func(w *mangled) { w.publishAborted = true }) }},
	{"deletes before it replaces", []int{46}, func(b *broken) {
		came := make(chan struct{})
		var reader, writer sync.Once
		b.onOpen = func(ctx context.Context, key string, off, n int64, version string) (io.ReadCloser, driver.Attr, error) {
			rc, a, err := b.good.Open(ctx, key, off, n, version)
			if errors.Is(err, driver.ErrNotExist) {
				reader.Do(func() { close(came) })
			}
			return rc, a, err
		}
		b.onStat = func(ctx context.Context, key string) (driver.Attr, error) {
			a, err := b.good.Stat(ctx, key)
			if errors.Is(err, driver.ErrNotExist) { // then the reader ends
				reader.Do(func() { close(came) })
			}
			return a, err
		}
		b.writers(func(w *mangled) {
			w.before = func(ctx context.Context, key string) {
				if b.good.Delete(ctx, key) == nil {
					writer.Do(func() { <-came }) // a reader comes by
				}
			}
		})
	}},
	{"does not see what is being replaced", []int{46}, func(b *broken) {
		var replacing atomic.Bool
		came := make(chan struct{})
		var reader, writer sync.Once
		b.onStat = func(ctx context.Context, key string) (driver.Attr, error) {
			if replacing.Load() {
				reader.Do(func() { close(came) })
				return driver.Attr{}, driver.ErrNotExist
			}
			return b.good.Stat(ctx, key)
		}
		b.writers(func(w *mangled) {
			w.before = func(ctx context.Context, key string) {
				if _, err := b.good.Stat(ctx, key); err == nil {
					writer.Do(func() {
						replacing.Store(true)
						<-came // a reader comes by
						replacing.Store(false)
					})
				}
			}
		})
	}},
	{"mixes creators of one key", []int{47}, func(b *broken) {
		shared := &mangled{}
		b.onCreate = func(ctx context.Context, key string, o driver.CreateOptions) (driver.Writer, error) {
			w, err := b.good.Create(ctx, key, o)
			if err != nil {
				return nil, err
			}
			return &mixing{w, &shared.mu, &shared.buf}, nil
		}
	}},
	{"replaces where it should not", []int{49}, func(b *broken) {
		b.onRename = func(ctx context.Context, from, to string, _ bool) (driver.Attr, error) {
			return b.good.Rename(ctx, from, to, true)
		}
	}},
	{"takes names for URLs", []int{50}, func(b *broken) {
		b.onCreate = func(ctx context.Context, key string, o driver.CreateOptions) (driver.Writer, error) {
			if plain, err := url.PathUnescape(key); err == nil {
				key = plain
			}
			return b.good.Create(ctx, key, o)
		}
	}},
	{"has one version for all", []int{52, 53}, func(b *broken) {
		one := func(a *driver.Attr) {
			if !a.Dir {
				a.Version = "v"
			}
		}
		b.stats(one)
		b.entries(one)
		b.writers(func(w *mangled) { w.attr = one })
		b.onOpen = func(ctx context.Context, key string, off, n int64, _ string) (io.ReadCloser, driver.Attr, error) {
			rc, a, err := b.good.Open(ctx, key, off, n, "")
			one(&a)
			return rc, a, err
		}
	}},
	{"agrees to any version", []int{53}, func(b *broken) {
		b.onOpen = func(ctx context.Context, key string, off, n int64, version string) (io.ReadCloser, driver.Attr, error) {
			rc, a, err := b.good.Open(ctx, key, off, n, "")
			if version != "" {
				a.Version = version
			}
			return rc, a, err
		}
	}},
	{"refuses ranges past the end", []int{54}, func(b *broken) {
		b.onOpen = func(ctx context.Context, key string, off, n int64, version string) (io.ReadCloser, driver.Attr, error) {
			if a, err := b.good.Stat(ctx, key); err == nil && off > a.Size {
				return nil, a, driver.ErrInvalid
			}
			return b.good.Open(ctx, key, off, n, version)
		}
	}},
	{"knows no IfVersion", []int{60}, func(b *broken) {
		b.onCreate = func(ctx context.Context, key string, o driver.CreateOptions) (driver.Writer, error) {
			o.IfVersion = ""
			return b.good.Create(ctx, key, o)
		}
	}},
	{"knows no IfAbsent", []int{47, 55}, func(b *broken) {
		b.onCreate = func(ctx context.Context, key string, o driver.CreateOptions) (driver.Writer, error) {
			o.IfAbsent = false
			return b.good.Create(ctx, key, o)
		}
	}},
	{"hides what it forbids", []int{57}, whole}, // the harness does
}

func (b *broken) stats(change func(a *driver.Attr)) {
	b.onStat = func(ctx context.Context, key string) (driver.Attr, error) {
		a, err := b.good.Stat(ctx, key)
		change(&a)
		return a, err
	}
}

func (b *broken) opens(change func(a *driver.Attr)) {
	b.onOpen = func(ctx context.Context, key string, off, n int64, version string) (io.ReadCloser, driver.Attr, error) {
		rc, a, err := b.good.Open(ctx, key, off, n, version)
		change(&a)
		return rc, a, err
	}
}

func (b *broken) pages(change func(o driver.ListOptions, p *driver.Page)) {
	b.onList = func(ctx context.Context, o driver.ListOptions) (driver.Page, error) {
		p, err := b.good.List(ctx, o)
		if err == nil {
			change(o, &p)
		}
		return p, err
	}
}

func (b *broken) entries(change func(a *driver.Attr)) {
	b.pages(func(_ driver.ListOptions, p *driver.Page) {
		for i := range p.Entries {
			change(&p.Entries[i])
		}
	})
}

// lists answers nothing where it should refuse with an error.
func (b *broken) lists(instead error) {
	b.onList = func(ctx context.Context, o driver.ListOptions) (driver.Page, error) {
		p, err := b.good.List(ctx, o)
		if errors.Is(err, instead) {
			return driver.Page{}, nil
		}
		return p, err
	}
}

func (b *broken) deleteTree(ctx context.Context, key string) error {
	p, err := b.good.List(ctx, driver.ListOptions{Prefix: key})
	if err == nil {
		for _, a := range p.Entries {
			b.deleteTree(ctx, a.Key)
		}
	}
	return b.good.Delete(ctx, key)
}

func (b *broken) content(ctx context.Context, key string) (driver.Attr, []byte) {
	rc, a, err := b.good.Open(ctx, key, 0, -1, "")
	if err != nil {
		return driver.Attr{}, nil
	}
	defer rc.Close()
	data, _ := io.ReadAll(rc)
	return a, data
}

func (b *broken) publish(ctx context.Context, key string, data []byte) (driver.Attr, error) {
	w, err := b.good.Create(ctx, key, driver.CreateOptions{})
	if err != nil {
		return driver.Attr{}, err
	}
	w.Write(data)
	return w.Commit(ctx)
}

// eager publishes with each Write.
func (b *broken) eager(ctx context.Context, key string, o driver.CreateOptions) (driver.Writer, error) {
	w, err := b.good.Create(ctx, key, o)
	if err != nil {
		return nil, err
	}
	return &publishing{w, b, key, nil}, nil
}

type publishing struct {
	driver.Writer
	b    *broken
	key  string
	data []byte
}

func (w *publishing) Write(p []byte) (int, error) {
	w.data = append(w.data, p...)
	w.b.publish(context.Background(), w.key, w.data)
	return w.Writer.Write(p)
}

// writers makes writers that are mangled.
func (b *broken) writers(how func(w *mangled)) {
	b.onCreate = func(ctx context.Context, key string, o driver.CreateOptions) (driver.Writer, error) {
		w, err := b.good.Create(ctx, key, o)
		if err != nil {
			return nil, err
		}
		m := &mangled{Writer: w, key: key}
		how(m)
		return m, nil
	}
}

// mangled is a writer with something wrong.
type mangled struct {
	driver.Writer
	key            string
	took           int64
	most           int64 // bytes that are kept; 0: all
	skipEmpty      bool
	publishAborted bool
	attr           func(a *driver.Attr)
	before         func(ctx context.Context, key string) // Commit
	mu             sync.Mutex
	buf            bytes.Buffer
}

func (w *mangled) Write(p []byte) (int, error) {
	keep := p
	if w.most > 0 {
		keep = p[:max(0, min(int64(len(p)), w.most-w.took))]
	}
	w.took += int64(len(p))
	if _, err := w.Writer.Write(keep); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (w *mangled) Commit(ctx context.Context) (driver.Attr, error) {
	if w.skipEmpty && w.took == 0 {
		return driver.Attr{Key: w.key}, w.Writer.Abort(ctx)
	}
	if w.before != nil {
		w.before(ctx, w.key)
	}
	a, err := w.Writer.Commit(ctx)
	if w.attr != nil {
		w.attr(&a)
	}
	return a, err
}

func (w *mangled) Abort(ctx context.Context) error {
	if w.publishAborted {
		_, err := w.Writer.Commit(ctx)
		return err
	}
	return w.Writer.Abort(ctx)
}

// mixing is a writer that shares what it writes with all others.
type mixing struct {
	driver.Writer
	mu  *sync.Mutex
	all *bytes.Buffer
}

func (w *mixing) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all.Write(p)
	if _, err := w.Writer.Write(w.all.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}
