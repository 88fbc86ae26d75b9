package s3ufs_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/s3ufs"
	"github.com/millpond/millpond/ufs/ufstest"
)

func TestPlacesHaveLastingNames(t *testing.T) {
	for url, id := range map[string]string{
		"s3://bucket":                                                 "s3://bucket",
		"s3://bucket/":                                                "s3://bucket",
		"s3://bucket/a/b/?region=eu-west-1":                           "s3://bucket/a/b",
		"s3://bucket/a?endpoint=http://h:1/":                          "s3+http://h:1/bucket/a",
		"s3://bucket/a?endpoint=HTTP://H:80//":                        "s3+http://h/bucket/a",
		"s3://bucket/a?endpoint=https://h:443":                        "s3+https://h/bucket/a",
		"s3://bucket/a?endpoint=https://h/x/":                         "s3+https://h/x/bucket/a",
		"s3://bucket/a?endpoint=https://s3.eu-west-1.amazonaws.com/":  "s3://bucket/a",
		"s3://bucket/a?endpoint=https://s3.amazonaws.com.example.com": "s3+https://s3.amazonaws.com.example.com/bucket/a",
		"s3://bucket/a?anonymous&path_style=false":                    "s3://bucket/a",
	} {
		s, err := ufs.Open(t.Context(), url, nil)
		require.NoError(t, err, url)
		require.Equal(t, id, s.ID())
		require.NoError(t, s.Close())
	}
}

func TestBadURLs(t *testing.T) {
	ufstest.RefusedURLs(t, map[string]string{
		"s3:///a":                                 "no bucket",
		"s3://user@bucket/a":                      "no bucket",
		"s3://host:9000/a":                        "endpoint= for a store that is not AWS",
		"s3://b/a//c":                             "component",
		"s3://me/a//hunter2@b":                    "component",
		"s3://b?path_style=maybe":                 `"path_style" is "maybe"; want true or false`,
		"s3://b?secret_access_key=hunter2":        "name credentials by reference",
		"s3://b?colour=hunter2":                   "unknown option",
		"s3://b?endpoint=ftp://h":                 "Endpoint is no http or https URL",
		"s3://b?endpoint=http://me:hunter2@h":     "a URL with a user",
		"s3://b?endpoint=http://h/%3Fsig=hunter2": "credentials by reference",
		"s3://b?endpoint=http://h%3Fhunter2":      "credentials by reference",
		"s3://b?endpoint=http://h/%23":            "credentials by reference",
		"s3://b?endpoint=http://h/%23hunter2":     "credentials by reference",
		"s3://b?sse=rot13":                        "AES256, aws:kms or aws:kms:KEY",
		"s3://b?anonymous=true&profile=reader":    "want one of them",
	})
}

func TestBadOptionsAreToldAtOnce(t *testing.T) {
	_, err := s3ufs.Open(t.Context(), "b", "", &s3ufs.Options{PartSize: 1, InFlight: -1, CopyWhole: 6 << 30})
	for _, say := range []string{"PartSize is 1", "InFlight is -1", "CopyWhole is 6442450944"} {
		require.ErrorContains(t, err, say)
	}
}

// FuzzURL opens any URL: Open makes no request. What it opens has a lasting name, and what it refuses shows no secret.
func FuzzURL(f *testing.F) {
	for _, raw := range []string{
		"s3://box/a?anonymous=true", "s3://box/%2e%2e/?endpoint=http://h:1/", "s3://[::1]/\x00?region=\xff", "s3://u:hunter2@box", "s3://box?endpoint=http://me:hunter2@h&sse=%3f",
		"s3://box?endpoint=https://h/%3Fsig=hunter2",
	} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if !strings.HasPrefix(raw, "s3:") {
			return
		}
		s, err := ufs.Open(context.Background(), raw, nil)
		if err != nil {
			if strings.HasPrefix(raw, "s3://u:hunter2@") || strings.Contains(raw, "://me:hunter2@") || strings.Contains(raw, "/%3Fsig=hunter2") {
				require.NotContains(t, err.Error(), "hunter2")
			}
			return
		}
		require.True(t, strings.HasPrefix(s.ID(), "s3://") || strings.HasPrefix(s.ID(), "s3+http"), s.ID())
		require.False(t, strings.HasSuffix(s.ID(), "/"))
		require.NoError(t, s.Close())
	})
}
