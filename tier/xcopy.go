package tier

import "github.com/millpond/millpond/internal/xcopy"

// copyBytes copies len(dst) bytes, of which src has at least as many.
func copyBytes(dst, src []byte) { xcopy.Copy(dst, src[:len(dst)]) }
