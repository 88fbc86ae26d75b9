package objectstest

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
)

// awkward are names as others write them into a bucket, those that are no paths among them.
func awkward() []string {
	return []string{"/lead", "a//b", "a/c", "./x", "../x", "a/../y", "a/./y", "d/", "e//", "f", "f-g", "f/hidden", "g/h/", "g/h/i"}
}

// AwkwardNames is for the tests of a driver on a real server: what is listed of names that are no paths, and what is left out and counted, is
// what package objects says. s is the empty place prefix of a bucket; put makes an object past the driver, and names are those that
// the bucket then has, by the server's own account. refused are those that the server does not take, or not as they are.
func AwkwardNames(t *testing.T, s *ufs.Store, prefix string, put func(name string, data []byte) error, names func() []string, refused ...string) {
	t.Helper()
	var want []string
	for _, name := range awkward() {
		err := put(prefix+"/"+name, []byte("content"))
		if slices.Contains(refused, name) {
			t.Logf("not taken as it is: %q: %v", name, err)
			continue
		}
		require.NoError(t, err, name)
		want = append(want, name)
	}
	var has []string
	for _, name := range names() {
		if rel, below := strings.CutPrefix(name, prefix+"/"); below {
			has = append(has, rel)
		}
	}
	for _, name := range want {
		require.Contains(t, has, name, "the server has it as it was put")
	}
	for _, dir := range []string{"", "a", "d", "e", "g", "g/h"} {
		for _, recursive := range []bool{false, true} {
			keys, skipped := listed(has, dir, recursive)
			gotKeys, gotSkipped := list(t, s, ufs.ListOptions{Prefix: dir, Recursive: recursive})
			require.ElementsMatch(t, keys, gotKeys, "below %q, recursive %v, of %q", dir, recursive, has)
			require.Equal(t, skipped, gotSkipped, "left out below %q, recursive %v, of %q", dir, recursive, has)
		}
	}
}

// list is what the driver lists and leaves out: "+" before a directory.
func list(t *testing.T, s *ufs.Store, o ufs.ListOptions) (keys []string, skipped int) {
	t.Helper()
	for {
		p, err := s.ListPage(t.Context(), o)
		require.NoError(t, err, "a listing never fails for names in it")
		skipped += p.Skipped
		for _, a := range p.Entries {
			if a.Dir {
				a.Key = "+" + a.Key
			}
			keys = append(keys, a.Key)
		}
		if o.Token = p.Token; p.Token == "" {
			return keys, skipped
		}
	}
}

// listed is the rule, for objects with content.
func listed(names []string, dir string, recursive bool) (keys []string, skipped int) {
	below := ""
	if dir != "" {
		below = dir + "/"
	}
	seen := map[string]bool{}
	for _, name := range names {
		rel, in := strings.CutPrefix(name, below)
		if !in {
			continue
		}
		if first, _, deeper := strings.Cut(rel, "/"); deeper && !recursive {
			rel, name = first+"/", below+first+"/"
			if seen[name] {
				continue // a common prefix is one
			}
			seen[name] = true
		} else if strings.HasSuffix(name, "/") {
			skipped++ // its content
		}
		rel, isDir := strings.CutSuffix(rel, "/")
		switch {
		case rel == "" && name == below: // the marker of what is listed
		case !isPath(rel) || belowFile(names, name):
			skipped++
		case isDir:
			keys = append(keys, "+"+below+rel)
		default:
			keys = append(keys, below+rel)
		}
	}
	return keys, skipped
}

func isPath(rel string) bool {
	for c := range strings.SplitSeq(rel, "/") {
		if c == "" || c == "." || c == ".." {
			return false
		}
	}
	return true
}

// belowFile reports whether some name before a '/' of name is that of an object.
func belowFile(names []string, name string) bool {
	for i := range name {
		if name[i] == '/' && slices.Contains(names, name[:i]) {
			return true
		}
	}
	return false
}
