package driver_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs/driver"
)

func TestEndpoint(t *testing.T) {
	for raw, want := range map[string]string{
		"http://h:1":            "http://h:1",
		"HTTP://H:1/":           "http://h:1",
		"http://h:80":           "http://h",
		"https://h:443//":       "https://h",
		"http://h:443":          "http://h:443",
		"https://h:80/":         "https://h:80",
		"https://h:/":           "https://h",
		"http://h/A%20b//./c/":  "http://h/A%20b/c",
		"http://[::1]:80/x":     "http://[::1]/x",
		"http://[0:0::1]:9000":  "http://[::1]:9000",
		"http://[FE80::1]:9000": "http://[fe80::1]:9000",
		"http://me@h?x=y":       "http://h",
		"h:1":                   "h:1",
		"":                      "",
	} {
		require.Equal(t, want, driver.Endpoint(raw), raw)
		require.Equal(t, want, driver.Endpoint(want), "one spelling is its own")
	}
}

func TestOverlap(t *testing.T) {
	for _, c := range []struct {
		a, b string
		is   bool
	}{
		{"s3://b", "s3://b", true},
		{"s3://b/", "s3://b", true},
		{"s3://b/a", "s3://b", true},
		{"s3://b/a", "s3://b/ab", false},
		{"s3://b", "gs://b", false},
		{"", "s3://b", false},
		{"hdfs://a:1,b:1/x", "hdfs://b:1/x/y", true},
		{"hdfs://a:1,b:1", "hdfs://b:1", true},
		{"hdfs://a:1,b:1/x", "hdfs://c:1,b:1", true},
		{"hdfs://a:1,b:1/x", "hdfs://b:2/x", false},
		{"hdfs://a:1,b:1/x", "hdfs://b:1/y", false},
		{"mem://a,b/x", "mem://b/x", false}, // one name with a comma
	} {
		require.Equal(t, c.is, driver.Overlap(c.a, c.b), "%s, %s", c.a, c.b)
		require.Equal(t, c.is, driver.Overlap(c.b, c.a), "%s, %s", c.b, c.a)
	}
}
