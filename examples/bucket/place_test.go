package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
)

// realPlace makes a fresh place at the real server that make test-servers has started, and answers with its URL.
func realPlace(t *testing.T) string {
	name := fmt.Sprintf("example-%08x", rand.Uint32())
	for variable, place := range map[string]func(t *testing.T, name string) string{
		"MILLPOND_S3_DATA": s3Place, "MILLPOND_AZURE_ENDPOINT": azurePlace, "MILLPOND_GCS_ENDPOINT": gcsPlace, "ST_AUTH": swiftPlace,
		"MILLPOND_HDFS_NAMENODE": hdfsPlace, "MILLPOND_GLUSTER_DIR": glusterPlace,
	} {
		if os.Getenv(variable) != "" {
			return place(t, name)
		}
	}
	t.Skip("no server in the environment: make test-servers starts one after the other")
	return ""
}

// s3Place: a directory of versitygw is a bucket.
func s3Place(t *testing.T, name string) string {
	require.NoError(t, os.Mkdir(filepath.Join(os.Getenv("MILLPOND_S3_DATA"), name), 0o755))
	return "s3://" + name + "/in?endpoint=" + os.Getenv("MILLPOND_S3_ENDPOINT")
}

func azurePlace(t *testing.T, name string) string {
	endpoint := os.Getenv("MILLPOND_AZURE_ENDPOINT")
	key, err := azblob.NewSharedKeyCredential(os.Getenv("AZURE_STORAGE_ACCOUNT"), os.Getenv("AZURE_STORAGE_KEY"))
	require.NoError(t, err)
	o := &azblob.ClientOptions{}
	o.Transport = once
	c, err := azblob.NewClientWithSharedKeyCredential(endpoint, key, o)
	require.NoError(t, err)
	_, err = c.CreateContainer(t.Context(), name, nil)
	require.NoError(t, err)
	return "azblob://" + name + "/in?endpoint=" + endpoint
}

func gcsPlace(t *testing.T, name string) string {
	endpoint := os.Getenv("MILLPOND_GCS_ENDPOINT")
	ask(t, http.MethodPost, endpoint+"/storage/v1/b?project=millpond", `{"name":"`+name+`"}`, nil)
	return "gs://" + name + "/in?anonymous=true&endpoint=" + endpoint
}

func swiftPlace(t *testing.T, name string) string {
	login := ask(t, http.MethodGet, os.Getenv("ST_AUTH"), "", http.Header{"X-Auth-User": {os.Getenv("ST_USER")}, "X-Auth-Key": {os.Getenv("ST_KEY")}})
	ask(t, http.MethodPut, login.Get("X-Storage-Url")+"/"+name, "", http.Header{"X-Auth-Token": {login.Get("X-Auth-Token")}})
	return "swift://" + name + "/in"
}

func hdfsPlace(t *testing.T, name string) string {
	root := "hdfs://" + os.Getenv("MILLPOND_HDFS_NAMENODE") + "/"
	s, err := ufs.Open(t.Context(), root, nil)
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.Mkdir(t.Context(), name, false, 0o755))
	return root + name
}

func glusterPlace(t *testing.T, name string) string {
	dir := filepath.Join(os.Getenv("MILLPOND_GLUSTER_DIR"), "first", name)
	require.NoError(t, os.Mkdir(dir, 0o755))
	return "file://" + dir
}

// once keeps no connection.
var once = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// ask makes a request that has to succeed, and answers with the headers.
func ask(t *testing.T, method, url, body string, h http.Header) http.Header {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	r.Header = h
	if h == nil {
		r.Header = http.Header{"Content-Type": {"application/json"}}
	}
	resp, err := once.Do(r)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Less(t, resp.StatusCode, 300, "%s %s", method, url)
	return resp.Header
}
