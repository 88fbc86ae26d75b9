package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// TestMain lets this test's program be the processes that mesh starts.
func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		main()
	}
	goleak.VerifyTestMain(m)
}

func tree(t *testing.T) string {
	dir := t.TempDir()
	for i := range 40 {
		p := filepath.Join(dir, fmt.Sprint("d", i%5), fmt.Sprint("f", i))
		require.NoError(t, os.MkdirAll(filepath.Dir(p), 0o755))
		require.NoError(t, os.WriteFile(p, []byte(strings.Repeat(fmt.Sprintln("the mill", i), 1+i*700)), 0o644))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "empty"), nil, 0o644))
	return dir
}

// TestThreeProcesses: real processes, of which one is killed; run proves the rest itself.
func TestThreeProcesses(t *testing.T) {
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"-memory", "64", tree(t)}, nil, &stdout, &stderr)
	require.Equal(t, 0, code, stdout.String()+stderr.String())
	for _, want := range []string{"kill -9 of process", "primary, killed", "42 words in 41 files", "changes: 25 made before and after the kill"} {
		require.Contains(t, stdout.String(), want)
	}
}

// TestOneMoreJoins: a mesh that stays prints the line that lets another process join. That one counts the same, sees the changes, and
// reads nothing from the directory, which it does not know.
func TestOneMoreJoins(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	defer end()
	in, out := io.Pipe()
	var stderr bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"-stay", "-n", "2", "-memory", "64", tree(t)}, nil, out, &stderr)
		out.Close()
	}()
	var said strings.Builder
	for lines := bufio.NewScanner(in); !strings.Contains(said.String(), "Ctrl-C ends the mesh"); {
		require.True(t, lines.Scan(), "%s", said.String())
		fmt.Fprintln(&said, lines.Text())
	}
	line := regexp.MustCompile(secretEnv + `=(\w+) go run ./examples/mesh -join (\S+)\n`).FindStringSubmatch(said.String())
	require.Len(t, line, 3, said.String())
	t.Setenv(secretEnv, line[1])
	var joined, wrong bytes.Buffer
	require.Equal(t, 0, run(t.Context(), []string{"-memory", "64", "-join", line[2]}, nil, &joined, &wrong), wrong.String())
	require.Contains(t, joined.String(), "42 words in 41 files; 20 changes of the others are there")
	require.Regexp(t, `this one +follows +41 .* 0\.0 +0\.0 +\d`, joined.String())

	go io.Copy(io.Discard, in)
	end()
	require.Equal(t, 0, <-ended, stderr.String())
}

// TestNobodyToJoin: a process that is let in nowhere says that, rather than that the files are not there.
func TestNobodyToJoin(t *testing.T) {
	t.Setenv(secretEnv, "0123456789abcdef")
	var stdout, stderr bytes.Buffer
	require.Equal(t, 1, run(t.Context(), []string{"-memory", "64", "-join", "127.0.0.1:1"}, nil, &stdout, &stderr))
	require.Contains(t, stderr.String(), "no mesh at 127.0.0.1:1")
}

func TestOneProcess(t *testing.T) {
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"-n", "1", tree(t)}, nil, &stdout, &stderr)
	require.Equal(t, 0, code, stdout.String()+stderr.String())
	require.Contains(t, stdout.String(), "nobody is killed")
	require.Contains(t, stdout.String(), "made and nobody killed, all there")
}

func TestBadArguments(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"-colour"}, 2, "mesh: flag provided but not defined: -colour (-help shows the flags)\n"},
		{[]string{"a", "b"}, 2, "one directory at most"},
		{[]string{file + "nowhere"}, 2, "no directory"},
		{[]string{file}, 2, "is a file"},
		{[]string{"-n", "0", filepath.Dir(file)}, 2, "-n is 0; want 1 to 32"},
		{[]string{"-memory", "1", filepath.Dir(file)}, 2, "-memory is 1; want 8 MiB to 1048576 MiB"},
		{[]string{"-join", "127.0.0.1:1", filepath.Dir(file)}, 2, "a process that joins counts what the mesh counts"},
		{[]string{"-n", "5", "-join", "127.0.0.1:1"}, 2, "-n is of a mesh that begins: leave it out beside -join"},
		{[]string{"-stay", "-join", "127.0.0.1:1"}, 2, "-stay is of a mesh that begins"},
		{[]string{"-memory", "2000000", filepath.Dir(file)}, 2, "want 8 MiB to 1048576 MiB"},
		{[]string{"-join", "127.0.0.1:1"}, 1, secretEnv + " is empty"},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, c.code, run(t.Context(), c.args, nil, &stdout, &stderr), c.args)
		require.Contains(t, stderr.String(), c.want)
	}
	var stdout, stderr bytes.Buffer
	require.Equal(t, 0, run(t.Context(), []string{"-help"}, nil, &stdout, &stderr))
	require.Contains(t, stdout.String(), "is killed")
}

// TestProofsThatFail: each of the three is an error that names what differs.
func TestProofsThatFail(t *testing.T) {
	dir := tree(t)
	want, err := countPlain(t.Context(), dir)
	require.NoError(t, err)
	good := answer{Files: want.Files, Digest: want.Digest(), Changes: []string{"a", "b"}}
	p := &process{name: "process 1", last: good}
	j := &job{all: []*process{p}, changes: []string{"b", "a"}}
	var out bytes.Buffer
	require.NoError(t, j.checkCounts(&out, want))
	require.NoError(t, j.checkChanges(&out))
	require.ErrorContains(t, j.checkStore(&out, want), "together read 0 bytes")
	p.last.Digest = ""
	require.ErrorContains(t, j.checkCounts(&out, want), "process 1 counted")
	p.last.Changes = []string{"a"}
	require.ErrorContains(t, j.checkChanges(&out), `sees the changes ["a"]`)
}
