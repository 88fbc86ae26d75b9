package httpufs

import (
	"context"
	"net/http"

	"github.com/millpond/millpond/ufs/driver"
)

// Stat describes a key.
func (s *store) Stat(ctx context.Context, key string) (driver.Attr, error) {
	if key == "" && s.noList {
		return driver.Attr{Dir: true}, nil // it may well answer nothing, and have files below
	}
	u, err := s.at(key, false)
	if err != nil {
		return driver.Attr{}, err
	}
	a, err := s.do(ctx, http.MethodHead, u, nil)
	if err != nil {
		return driver.Attr{}, err
	}
	defer a.Body.Close()
	switch {
	case a.slash:
		return driver.Attr{Key: key, Dir: true}, nil
	case a.StatusCode != http.StatusOK:
		return driver.Attr{}, failure(a.Response)
	case key == "":
		return driver.Attr{Dir: true}, nil
	}
	return attrOf(key, a.Response, a.ContentLength)
}
