package fileufs

import "os"

// renameOntoEmpty: nothing replaces a directory here, and a rename onto one fails by itself.
func renameOntoEmpty(r *os.Root, from, to string) error { return renameAfterLook(r, from, to) }
