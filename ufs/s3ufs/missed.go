package s3ufs

import "net/http"

// found makes a request about an object that is there, as far as anybody knows, once more where Swift's s3api says that it is not.
// Swift lists an object's directory before it opens the file in it, and answers 404 to who comes while another file takes that one's
// place; such a request did nothing. Any other store is believed at once.
func found(request func() error) func() error {
	return func() error {
		err := request()
		if s, header := status(err); s == http.StatusNotFound && ofSwift(header) {
			return request()
		}
		return err
	}
}

// ofSwift reports whether an answer is Swift's: it gives each an id by OpenStack's name for one.
func ofSwift(h http.Header) bool { return h.Get("X-Openstack-Request-Id") != "" }
