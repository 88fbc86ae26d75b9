//go:build !windows

package fileufs

// localName: a key is a path.
func localName(key string) (string, error) { return key, nil }

func fromURLPath(p string) string { return p }
func toURLPath(dir string) string { return dir }
