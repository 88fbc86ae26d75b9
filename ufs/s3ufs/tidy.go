package s3ufs

import (
	"net/http"
	"slices"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// tidy is for stores that leave a connection unfit for the next request: Swift's s3api sends the end of a body ("0\r\n\r\n")
// after the answer to a HEAD that found nothing, where HTTP has none (RFC 9112, 6.3). What is sent next on the connection
// takes it for the beginning of its answer, if it is sent before the rest arrives. Such an answer says that it is chunked;
// after the first one a connection is not used again for anything after a HEAD.
type tidy struct {
	s3.HTTPClient
	untidy *atomic.Bool
}

// Do makes a request.
func (c *tidy) Do(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodHead {
		return c.HTTPClient.Do(r)
	}
	r.Close = c.untidy.Load()
	resp, err := c.HTTPClient.Do(r)
	if err == nil && !r.Close && restFollows(resp) {
		c.untidy.Store(true)
		if idle, ok := c.HTTPClient.(interface{ CloseIdleConnections() }); ok { // it is among them
			idle.CloseIdleConnections()
		}
	}
	return resp, err
}

// restFollows reports whether more may come after the answer to a HEAD. Amazon's says that it is chunked as well, and ends where it should.
func restFollows(resp *http.Response) bool {
	return resp.StatusCode >= http.StatusBadRequest && slices.Contains(resp.TransferEncoding, "chunked") && resp.Header.Get("Server") != "AmazonS3"
}
