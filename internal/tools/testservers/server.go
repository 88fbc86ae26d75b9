package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// cannotRun is the status of a script whose store this machine cannot run: see internal/servers/lib.sh.
const cannotRun = 3

// test starts the store's server, runs the tests and stops it.
func (s store) test(ctx context.Context, w io.Writer) (r result) {
	r = result{store: s.name}
	fmt.Fprintf(w, "== %s\n", s.name)
	dir, err := os.MkdirTemp("", "millpond-"+s.name+"-")
	if err != nil {
		r.failed(err.Error())
		return r
	}
	defer os.RemoveAll(dir)
	env, why, err := s.start(ctx, dir)
	defer func() {
		if err := s.run(context.WithoutCancel(ctx), nil, "stop", dir).Run(); err != nil {
			r.failed(fmt.Sprintf("stop: %v", err))
		}
	}()
	if err != nil {
		fmt.Fprintln(w, why)
		if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == cannotRun {
			r.leftOut = why
		} else {
			r.failed(why)
		}
		return r
	}
	for _, module := range s.modules {
		r.goTest(ctx, w, module, env, "-race", "-run="+s.tests)
	}
	for _, module := range s.large {
		r.goTest(ctx, w, module, env, "-run="+largeTests)
	}
	return r
}

// goTest runs tests of a module, and counts.
func (r *result) goTest(ctx context.Context, w io.Writer, module string, env []string, args ...string) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json", "-count=1", "-timeout=11m", "./..."}, args...)...)
	cmd.Dir, cmd.Env = module, append(os.Environ(), env...)
	before := r.ended()
	switch err := r.follow(cmd, w); {
	case err != nil:
		r.failed(fmt.Sprintf("go test in %s: %v", module, err))
	case r.ended() == before:
		r.failed(fmt.Sprintf("go test in %s: no test is named %s", module, args[len(args)-1]))
	}
}

// start answers with the environment of the tests, or with the script's own words.
func (s store) start(ctx context.Context, dir string) (env []string, why string, err error) {
	var stderr bytes.Buffer
	out, err := s.run(ctx, &stderr, "start", dir).Output()
	if err != nil {
		return nil, strings.TrimSpace(stderr.String()), err
	}
	return strings.Fields(string(out)), "", nil
}

func (s store) run(ctx context.Context, stderr io.Writer, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join("internal", "servers", s.script), args...)
	cmd.Stderr = stderr
	return cmd
}
