package faultproxy

import (
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"time"
)

// exchange is one request on its way.
type exchange struct {
	p *Proxy
	w http.ResponseWriter
	r *http.Request
}

// forward asks the server, with body as the request's.
func (x *exchange) forward(body io.Reader) (*http.Response, error) {
	out := x.r.Clone(x.r.Context())
	out.URL.Scheme, out.URL.Host, out.RequestURI = x.p.target.Scheme, x.p.target.Host, ""
	out.Header.Del("Connection")
	out.Header.Del("Expect")
	out.Close = out.Close || out.Method == http.MethodHead // some servers leave the connection unfit for another request
	out.Body = nil
	if x.r.ContentLength != 0 {
		out.Body = io.NopCloser(body)
	}
	return x.p.transport.RoundTrip(out)
}

// ask forwards the request whole. A server that does not answer is a connection that is reset.
func (x *exchange) ask() (*http.Response, bool) {
	resp, err := x.forward(x.r.Body)
	if err != nil {
		x.reset()
		return nil, false
	}
	return resp, true
}

// header sends status and headers; length is what it says of the body's.
func (x *exchange) header(resp *http.Response, length int64) {
	maps.Copy(x.w.Header(), resp.Header)
	if length >= 0 {
		x.w.Header().Set("Content-Length", strconv.FormatInt(length, 10))
	}
	x.w.WriteHeader(resp.StatusCode)
}

// body sends all of r, in pieces as they come.
func (x *exchange) body(r io.Reader) {
	buf := make([]byte, 64<<10)
	if _, err := io.CopyBuffer(struct{ io.Writer }{x.w}, struct{ io.Reader }{r}, buf); err != nil {
		x.reset()
		return
	}
	x.flush()
}

func (x *exchange) flush() { http.NewResponseController(x.w).Flush() }

// reset ends the connection as a machine does that knows nothing of it.
func (x *exchange) reset() {
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // hijacked before: it is closed
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}

// wait returns when d is over or the caller is gone: then it is false.
func (x *exchange) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-x.r.Context().Done():
		return false
	}
}
