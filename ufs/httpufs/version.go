package httpufs

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/millpond/millpond/internal/refusal"
	"github.com/millpond/millpond/ufs/driver"
)

// young is the age up to which Last-Modified, which counts seconds, does not yet say all.
const young = 2 * time.Second

// attrOf describes a file of a length by a response.
func attrOf(key string, resp *http.Response, size int64) (driver.Attr, error) {
	if e := resp.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return driver.Attr{}, fmt.Errorf("%w: the server sends nothing but %q", driver.ErrUnsupported, e)
	}
	if size < 0 {
		return driver.Attr{}, fmt.Errorf("%w: the server does not say how long the file is", driver.ErrUnsupported)
	}
	mod, _ := http.ParseTime(resp.Header.Get("Last-Modified"))
	a := driver.Attr{Key: key, Size: size, ModTime: mod}
	switch tag := resp.Header.Get("ETag"); {
	case isStrong(tag):
		a.Version = tag
	case mod.IsZero():
		return driver.Attr{}, fmt.Errorf("%w: the server gives neither a strong ETag nor Last-Modified: versions of the file could not be told apart", driver.ErrUnsupported)
	default:
		a.Version = fmt.Sprintf("%d-%d", size, mod.Unix())
		if refusal.ServerTime(resp.Header).Sub(mod) < young {
			a.Version += "-0"
		}
	}
	return a, nil
}

// isStrong: a weak ETag ("W/") may be that of other bytes.
func isStrong(tag string) bool { return len(tag) > 1 && tag[0] == '"' && tag[len(tag)-1] == '"' }

// condition is the header that makes a server keep to a version. Length and time are compared by whoever reads the
// answer: it has them, too.
func condition(h http.Header, version string) {
	if isStrong(version) {
		h.Set("If-Match", version)
		return
	}
	if parts := strings.Split(version, "-"); len(parts) > 1 {
		if at, err := strconv.ParseInt(parts[1], 10, 64); err == nil {
			h.Set("If-Unmodified-Since", time.Unix(at, 0).UTC().Format(http.TimeFormat))
		}
	}
}
