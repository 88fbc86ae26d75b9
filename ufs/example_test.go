package ufs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/memufs"
	"github.com/millpond/millpond/ufs/ufstest"
)

// must keeps the examples short.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// put writes a file.
func put(s *ufs.Store, key, content string) ufs.Attr {
	ctx := context.Background()
	w, err := s.Create(ctx, key, ufs.CreateOptions{Parents: true})
	must(err)
	_, err = io.WriteString(w, content)
	must(err)
	a, err := w.Commit(ctx)
	must(err)
	return a
}

func Example() {
	ctx := context.Background()
	s, err := ufs.Open(ctx, "mem://example", nil) // importing memufs has registered the scheme
	must(err)
	defer s.Close()

	w, err := s.Create(ctx, "logs/today", ufs.CreateOptions{Parents: true})
	must(err)
	fmt.Fprint(w, "first line\nsecond line\n")
	a, err := w.Commit(ctx) // now it shows
	must(err)

	p := make([]byte, 6)
	_, err = s.ReadAt(ctx, "logs/today", a.Version, p, 11) // of that version, or ErrChanged
	must(err)
	fmt.Println(string(p))
	// Output: second
}

func ExampleOpen() {
	_, err := ufs.Open(context.Background(), "gopher://hole", nil)
	fmt.Println(errors.Is(err, driver.ErrInvalid), strings.Contains(err.Error(), `unknown scheme "gopher" (have `))
	// Output: true true
}

func ExampleRegister() {
	if !slices.Contains(ufs.Schemes(), "scratch") { // a driver does this in its init
		ufs.Register("scratch", func(_ context.Context, u *url.URL) (driver.Store, string, error) {
			if _, err := driver.Query(u); err != nil { // no options, and no secrets
				return nil, "", err
			}
			return memufs.New(nil), "scratch://" + u.Host, nil
		})
	}
	s, err := ufs.Open(context.Background(), "scratch://pad", nil)
	must(err)
	defer s.Close()
	fmt.Println(s.ID(), slices.Contains(ufs.Schemes(), "scratch"))
	_, err = ufs.Open(context.Background(), "scratch://pad?token=hunter2", nil)
	fmt.Println(strings.Contains(err.Error(), "name credentials by reference"), strings.Contains(err.Error(), "hunter2"))
	// Output:
	// scratch://pad true
	// true false
}

func ExampleNew() {
	_, err := ufs.New(memufs.New(nil), "mem://mine", &ufs.Options{Attempts: -1, MaxDelay: time.Nanosecond})
	fmt.Println(err)
	// Output:
	// under store mem://mine: invalid argument: Options.Attempts is -1; want 0 (the default, 4) or more
	// invalid argument: Options.MaxDelay is 1ns; want at least BaseDelay, 20ms
}

func ExampleStore_List() {
	s := memufs.New(nil).UFS()
	put(s, "a/one", "1")
	put(s, "a/two", "22")
	put(s, "b", "")
	for a, err := range s.List(context.Background(), ufs.ListOptions{Recursive: true}) {
		must(err)
		fmt.Println(a.Key, a.Dir, a.Size)
	}
	// Output:
	// a true 0
	// a/one false 1
	// a/two false 2
	// b false 0
}

func ExampleStore_ListPage() {
	s := memufs.New(nil).UFS()
	for _, key := range []string{"a", "b", "c"} {
		put(s, key, "")
	}
	p, err := s.ListPage(context.Background(), ufs.ListOptions{Limit: 2})
	must(err)
	fmt.Println(len(p.Entries), p.Token != "")
	p, err = s.ListPage(context.Background(), ufs.ListOptions{Limit: 2, Token: p.Token})
	must(err)
	fmt.Println(p.Entries[0].Key, p.Token == "")
	// Output:
	// 2 true
	// c true
}

func ExampleStore_Open() {
	s := memufs.New(nil).UFS()
	a := put(s, "f", "0123456789")
	body, _, err := s.Open(context.Background(), "f", 3, 4, a.Version)
	must(err)
	defer body.Close()
	b, err := io.ReadAll(body)
	must(err)
	fmt.Println(string(b))
	put(s, "f", "abcdefghij")
	_, _, err = s.Open(context.Background(), "f", 3, 4, a.Version)
	fmt.Println(errors.Is(err, driver.ErrChanged))
	// Output:
	// 3456
	// true
}

func ExampleStore_Create() {
	ctx := context.Background()
	s := memufs.New(nil).UFS()
	put(s, "taken", "")
	w, err := s.Create(ctx, "taken", ufs.CreateOptions{IfAbsent: true})
	must(err)
	_, err = w.Commit(ctx)
	fmt.Println(errors.Is(err, driver.ErrExist))
	// Output: true
}

func ExampleWriter_Abort() {
	ctx := context.Background()
	s := memufs.New(nil).UFS()
	w, err := s.Create(ctx, "f", ufs.CreateOptions{})
	must(err)
	_, err = w.Write([]byte("half of it"))
	must(err)
	must(w.Abort(ctx))
	_, err = s.Stat(ctx, "f")
	fmt.Println(errors.Is(err, driver.ErrNotExist))
	// Output: true
}

func ExampleStore_Copy() {
	s := memufs.New(nil).UFS()
	put(s, "from", "bytes")
	a, err := s.Copy(context.Background(), "from", "to", "")
	must(err)
	fmt.Println(a.Key, a.Size)
	// Output: to 5
}

func ExampleStore_Rename() {
	ctx := context.Background()
	s := memufs.New(nil).UFS()
	put(s, "from/f", "bytes")
	_, err := s.Rename(ctx, "from", "to", false)
	must(err)
	a, err := s.Stat(ctx, "to/f")
	must(err)
	fmt.Println(a.Size, "in one step:", s.Caps().RenameDir)
	// Output: 5 in one step: true
}

func ExampleStore_DeleteAll() {
	ctx := context.Background()
	s := memufs.New(nil).UFS()
	put(s, "dir/sub/f", "")
	fmt.Println(errors.Is(s.Delete(ctx, "dir"), driver.ErrNotEmpty))
	must(s.DeleteAll(ctx, "dir"))
	_, err := s.Stat(ctx, "dir")
	fmt.Println(errors.Is(err, driver.ErrNotExist))
	// Output:
	// true
	// true
}

func ExampleStore_DeleteBatch() {
	s := memufs.New(nil).UFS()
	put(s, "a", "")
	put(s, "dir/b", "")
	failed := s.DeleteBatch(context.Background(), []string{"a", "gone already", "dir"})
	fmt.Println(len(failed), errors.Is(failed["dir"], driver.ErrNotEmpty))
	// Output: 1 true
}

func ExampleStore_Mkdir() {
	ctx := context.Background()
	s := memufs.New(nil).UFS()
	fmt.Println(errors.Is(s.Mkdir(ctx, "a/b", false, 0o755), driver.ErrNotExist))
	must(s.Mkdir(ctx, "a/b", true, 0o755))
	a, err := s.SetMode(ctx, "a/b", 0o700)
	must(err)
	fmt.Println(a.Dir, a.Mode)
	// Output:
	// true
	// true -rwx------
}

func ExampleStore_Metrics() {
	f, err := ufstest.NewFaulty(memufs.New(nil), "stat nth=1 fail=unavailable")
	must(err)
	s, err := ufs.New(f, "mem://flaky", nil)
	must(err)
	defer s.Close()
	_, err = s.Stat(context.Background(), "")
	must(err) // the second attempt succeeded
	m := s.Metrics()
	fmt.Println(m.Calls["stat"].Calls, m.Retries, m.Errors.Unavailable, m.Breaker)
	// Output: 2 1 1 closed
}

func ExampleUnavailableError() {
	f, err := ufstest.NewFaulty(memufs.New(nil), "* fail=reset")
	must(err)
	s, err := ufs.New(f, "mem://down", &ufs.Options{Attempts: 1, BreakerFailures: 2, BreakerDelay: time.Minute})
	must(err)
	defer s.Close()
	for range 3 {
		_, err = s.Stat(context.Background(), "")
	}
	u, ok := errors.AsType[*ufs.UnavailableError](err)
	fmt.Println(ok, errors.Is(err, ufs.ErrUnavailable), u.Store, u.Failures, time.Until(u.Until) > 50*time.Second)
	// Output: true true mem://down 2 true
}
