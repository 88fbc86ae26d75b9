package hdfsufs_test

import (
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/millpond/millpond/ufs"
)

// TestRequests is the table of the package's description, for what needs no DataNode.
func TestRequests(t *testing.T) {
	s := newShelf(t)
	s.on("getListing", says("dirList:{remainingEntries:0}"))
	s.on("mkdirs", says("result:true"))
	s.on("setPermission", says(""))
	s.on("setOwner", says(""))
	st := s.open()
	require.NoError(t, commit(t.Context(), t, st, ufs.CreateOptions{}))
	require.Equal(t, []string{"getServerDefaults", "create", "getFileInfo", "complete", "rename2", "getFileInfo"}, s.made(), "the first of a connection")
	for _, c := range []struct {
		what string
		do   func() error
		want string
	}{
		{"Stat", func() error { _, err := st.Stat(t.Context(), "f"); return err }, "getFileInfo"},
		{"List", func() error { _, err := st.ListPage(t.Context(), ufs.ListOptions{}); return err }, "getListing"},
		{"Open of an empty file", func() error { _, _, err := st.Open(t.Context(), "f", 0, -1, ""); return err }, "getFileInfo"},
		{"Create, Commit", func() error { return commit(t.Context(), t, st, ufs.CreateOptions{}) }, "create getFileInfo complete rename2 getFileInfo"},
		{"Create, Abort", func() error { return abort(t, st) }, "create getFileInfo delete"},
		{"Rename", func() error { _, err := st.Rename(t.Context(), "f", "g", false); return err }, "getFileInfo rename2 getFileInfo"},
		{"SetMode", func() error { _, err := st.SetMode(t.Context(), "g", 0o600); return err }, "setPermission getFileInfo"},
		{"SetOwner", func() error { _, err := st.SetOwner(t.Context(), "g", "me", ""); return err }, "setOwner getFileInfo"},
		{"Delete", func() error { return st.Delete(t.Context(), "g") }, "delete"},
		{"Mkdir", func() error { return st.Mkdir(t.Context(), "d", false, 0) }, "getFileInfo mkdirs"},
	} {
		require.NoError(t, c.do(), c.what)
		made := strings.Join(s.made(), " ")
		if c.what == "Create, Commit" { // after one that was aborted a new connection asks for the defaults
			made = strings.TrimPrefix(made, "getServerDefaults ")
		}
		require.Equal(t, c.want, made, c.what)
	}
	require.LessOrEqual(t, s.connections(), 2, "one, and one after the writer that was aborted")
}

func abort(t *testing.T, st *ufs.Store) error {
	w, err := st.Create(t.Context(), "f", ufs.CreateOptions{})
	require.NoError(t, err)
	return w.Abort(t.Context())
}

// shelves is a NameNode's listing of directories with files 000, 001, ... of names that are given.
type shelves map[string][]string

const page = 1000 // of a NameNode

func (l shelves) list(req protoreflect.Message) (string, error) {
	names, is := l[src(req)]
	if !is {
		return "", nil
	}
	after := string(field(req, "startAfter").Bytes())
	for len(names) > 0 && names[0] <= after {
		names = names[1:]
	}
	left := len(names)
	var b strings.Builder
	for _, n := range names[:min(page, left)] {
		kind, id := "IS_FILE", 7
		if _, dir := l[path.Join(src(req), n)]; dir {
			kind = "IS_DIR"
		}
		if strings.HasPrefix(n, "link") {
			kind = "IS_SYMLINK"
		}
		fmt.Fprintf(&b, "partialListing:{%s} ", strings.NewReplacer("IS_FILE", kind, `path:"f"`, fmt.Sprintf("path:%q", n)).Replace(file(id, "")))
	}
	return fmt.Sprintf("dirList:{%s remainingEntries:%d}", b.String(), max(0, left-page)), nil
}

func numbered(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("%05d", i))
	}
	return names
}

// keys lists a place.
func keys(t *testing.T, s *ufs.Store, o ufs.ListOptions) (all []string, skipped int) {
	t.Helper()
	for {
		p, err := s.ListPage(t.Context(), o)
		require.NoError(t, err)
		for _, a := range p.Entries {
			all = append(all, a.Key)
		}
		skipped += p.Skipped
		if o.Token = p.Token; o.Token == "" {
			return all, skipped
		}
	}
}

// TestListRequests: entries divided by the NameNode's page, rounded up; a page begins where the one before ended.
func TestListRequests(t *testing.T) {
	for entries, requests := range map[int]int{0: 1, 999: 1, 1000: 1, 1001: 2, 2500: 3} {
		f := newFake(t, map[string]answer{"getListing": shelves{"/place": numbered(entries)}.list})
		got, _ := keys(t, f.open(), ufs.ListOptions{})
		require.Equal(t, numbered(entries), got)
		require.Equal(t, requests, len(f.made()), "requests for %d entries", entries)
	}
}

// TestListTree: recursive pages of any size have everything once, in the order of fs.WalkDir.
func TestListTree(t *testing.T) {
	tree := shelves{"/place": {"a", "b", "b-", "c", "d"}, "/place/b": {"x", "y", "z"}, "/place/b/y": {"1", "2"}, "/place/d": nil}
	want := []string{"a", "b", "b/x", "b/y", "b/y/1", "b/y/2", "b/z", "b-", "c", "d"}
	f := newFake(t, map[string]answer{"getListing": tree.list})
	s := f.open()
	for limit := range len(want) + 2 {
		got, _ := keys(t, s, ufs.ListOptions{Recursive: true, Limit: limit})
		require.Equal(t, want, got, "pages of %d", limit)
	}
	f.made()
	_, _ = keys(t, s, ufs.ListOptions{Recursive: true})
	require.Len(t, f.made(), 4, "one for each directory")
}

// TestListLeavesOut: links and names that are no keys are counted; temporary files are not.
func TestListLeavesOut(t *testing.T) {
	f := newFake(t, map[string]answer{"getListing": shelves{"/place": {".millpond-tmp-0123456789abcdef", "a", "a:b", "link"}}.list, "getBlockLocations": throws("java.io.IOException")})
	got, skipped := keys(t, f.open(), ufs.ListOptions{})
	require.Equal(t, []string{"a"}, got)
	require.Equal(t, 2, skipped)
	require.Equal(t, []string{"getListing", "getBlockLocations"}, f.made(), "the old one is looked at, and none the worse")
}
