package objects

import (
	"fmt"
	"strings"

	"github.com/millpond/millpond/ufs/driver"
)

// Prefix makes what a user wrote as the place in a bucket into the prefix of its names: "" or with one "/" at its end.
// It is driver.ErrInvalid if a component is empty, "." or "..".
func Prefix(place string) (string, error) {
	place = strings.Trim(place, "/")
	if place == "" {
		return "", nil
	}
	if !valid(place) {
		return "", fmt.Errorf("%w: prefix %q has a component that is empty, %q or %q", driver.ErrInvalid, driver.ShownPath(place), ".", "..")
	}
	return place + "/", nil
}

// valid says whether a key, not the empty one, is one.
func valid(key string) bool { return key != "" && driver.ValidKey(key) }

// name is the object of a key, which is not the place itself.
func (s *store) name(key string) (string, error) {
	if !valid(key) {
		return "", fmt.Errorf("%w: key %q", driver.ErrInvalid, key)
	}
	return s.prefix + key, nil
}

// dir is the prefix of all that is in a directory.
func (s *store) dir(key string) (string, error) {
	if key == "" {
		return s.prefix, nil
	}
	name, err := s.name(key)
	return name + "/", err
}
