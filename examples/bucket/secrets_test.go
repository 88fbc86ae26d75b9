package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
)

// secrets are the credentials by which the environment lets us at the real server, as they are and as they would go into a request.
func secrets() (list []string) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AZURE_STORAGE_KEY", "ST_KEY"} {
		value := os.Getenv(name)
		if value == "" {
			continue
		}
		list = append(list, value, base64.StdEncoding.EncodeToString([]byte(value)), hex.EncodeToString([]byte(value)))
		if key, err := base64.StdEncoding.DecodeString(value); name == "AZURE_STORAGE_KEY" && err == nil {
			list = append(list, strings.TrimSpace(string(key)))
		}
	}
	return list
}

// written is all that lies in files below the directories.
func written(t *testing.T, dirs ...string) []byte {
	var all bytes.Buffer
	for _, dir := range dirs {
		require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			all.WriteString(path + "\n")
			if !d.Type().IsRegular() {
				return nil
			}
			data, err := os.ReadFile(path)
			all.Write(data)
			return err
		}))
	}
	return all.Bytes()
}

// TestServerKeepsSecrets looks for the credentials in every file of the cache, in what the job prints, in what a node logs of a
// store that lets it in and of one that does not, and in the errors.
func TestServerKeepsSecrets(t *testing.T) {
	place := realPlace(t)
	put(t, place, "deep/f", "the mill the pond")
	cache, out, dir := t.TempDir(), t.TempDir(), t.TempDir()
	var said bytes.Buffer
	job := func(cache, place string) int {
		return run(t.Context(), []string{"-cache", cache, "-out", out, "-memory", "8", "-disk", "8", place}, &said, &said)
	}
	require.Zero(t, job(cache, place), said.String())
	gone := strings.Replace(place, "example-", "missing-", 1)
	require.Equal(t, 1, job(t.TempDir(), gone), said.String())

	log := slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelDebug}))
	n, err := cachefs.Open(t.Context(), cachefs.Config{Dir: dir, Logger: log, Mounts: []cachefs.MountConfig{{Path: "/in", URL: place}}})
	require.NoError(t, err)
	f, err := n.Open(t.Context(), "/in/deep/f", nil)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, f)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	err = n.Mount(t.Context(), "/gone", gone, nil)
	require.Error(t, err)
	said.WriteString(err.Error())
	require.NoError(t, n.Close())

	all := secrets()
	for _, name := range []string{"AWS_SECRET_ACCESS_KEY", "AZURE_STORAGE_KEY", "ST_KEY"} {
		if os.Getenv(name) != "" {
			t.Setenv(name, base64.StdEncoding.EncodeToString([]byte("wrong-"+name))) // of Azure's form
		}
	}
	letIn := job(t.TempDir(), place) == 0
	require.Equal(t, len(all) == 0, letIn, "wrong credentials do only where none are wanted")
	all = append(all, secrets()...)

	has := written(t, cache, dir, out)
	require.Contains(t, string(has), "the mill the pond", "what is looked through has the blocks")
	require.Contains(t, said.String(), "missing-", "and the errors")
	for _, secret := range all {
		require.False(t, bytes.Contains(has, []byte(secret)), "a credential lies in the files of the cache")
		require.NotContains(t, said.String(), secret, "a credential was printed")
	}
}
