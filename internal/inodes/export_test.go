package inodes

// PackedLen is how many bytes a version takes.
func PackedLen(s string, size, mod int64) int {
	b, _ := pack(nil, s, size, mod)
	return len(b)
}
