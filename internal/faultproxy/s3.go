package faultproxy

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// S3 names the kind of an S3 request: list, get, head, put, part, copy, copypart, begin, complete, abort, delete,
// batch, or else method and path.
func S3(r *http.Request) string {
	q := r.URL.Query()
	from := r.Header.Get("X-Amz-Copy-Source") != ""
	switch {
	case r.Method == http.MethodGet && q.Has("list-type"):
		return "list"
	case r.Method == http.MethodGet && !q.Has("uploads"):
		return "get"
	case r.Method == http.MethodHead:
		return "head"
	case r.Method == http.MethodPut && q.Has("partNumber") && from:
		return "copypart"
	case r.Method == http.MethodPut && q.Has("partNumber"):
		return "part"
	case r.Method == http.MethodPut && from:
		return "copy"
	case r.Method == http.MethodPut:
		return "put"
	case r.Method == http.MethodPost && q.Has("uploads"):
		return "begin"
	case r.Method == http.MethodPost && q.Has("uploadId"):
		return "complete"
	case r.Method == http.MethodPost && q.Has("delete"):
		return "batch"
	case r.Method == http.MethodDelete && q.Has("uploadId"):
		return "abort"
	case r.Method == http.MethodDelete:
		return "delete"
	}
	return r.Method + " " + r.URL.Path
}

// S3Error answers as S3 does; after is its Retry-After, 0 for none.
func S3Error(status int, code string, after time.Duration) Fault {
	h := http.Header{"Content-Type": {"application/xml"}}
	if after > 0 {
		h.Set("Retry-After", strconv.Itoa(int(after.Seconds())))
	}
	return Answer(status, h, fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>by the fault proxy</Message></Error>`, code))
}
