package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/tier"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/s3ufs"
)

// s3Fixture is a real S3 server with one bucket, the SDK's client to it and a node that has the bucket at /m. Both ask
// over connections that stay open; nothing of ours is hedged, since the two are compared.
type s3Fixture struct {
	script, dir string
	bucket      string
	sdk         *s3.Client
	store       *ufs.Store
	node        *cachefs.Node
}

func newS3(ctx context.Context, r *report, memory int64) (f *s3Fixture, err error) {
	f = &s3Fixture{bucket: "benchmarks"}
	if f.script, err = serverScript("versitygw.sh"); err != nil {
		return nil, err
	}
	if f.dir, err = os.MkdirTemp(r.dir, "s3"); err != nil {
		return nil, err
	}
	env, err := f.start(ctx)
	if err == nil {
		err = f.open(ctx, env, memory)
	}
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

// serverScript finds a script from the module's directory or the one above.
func serverScript(name string) (string, error) {
	for _, up := range []string{".", ".."} {
		path, err := filepath.Abs(filepath.Join(up, "internal", "servers", name))
		if err != nil {
			return "", err
		}
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("no internal/servers/%s here; run in the repository or in its benchmarks directory", name)
}

// start starts the server, and answers with what it says of itself.
func (f *s3Fixture) start(ctx context.Context) (map[string]string, error) {
	out, err := exec.CommandContext(ctx, f.script, "start", f.dir).Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			err = errors.New(strings.TrimSpace(string(exit.Stderr)))
		}
		return nil, err
	}
	env := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		env[name] = value
	}
	return env, nil
}

func (f *s3Fixture) open(ctx context.Context, env map[string]string, memory int64) (err error) {
	keys := credentials.NewStaticCredentialsProvider(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], "")
	f.sdk = s3.New(s3.Options{
		BaseEndpoint: aws.String(env["MILLPOND_S3_ENDPOINT"]), Region: env["AWS_REGION"], UsePathStyle: true, Credentials: keys,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenSupported, // what a loaded configuration has
		HTTPClient:                 &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256, ReadBufferSize: 64 << 10, WriteBufferSize: 64 << 10}},
	})
	if _, err = f.sdk.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &f.bucket}); err != nil {
		return err
	}
	f.store, err = s3ufs.Open(ctx, f.bucket, "", &s3ufs.Options{
		Endpoint: env["MILLPOND_S3_ENDPOINT"], Region: env["AWS_REGION"], Credentials: keys, UFS: &ufs.Options{DisableHedge: true},
	})
	if err != nil {
		return err
	}
	f.node, err = cachefs.Open(ctx, cachefs.Config{
		Tiers:  []tier.Config{{Kind: tier.Memory, Size: memory}},
		Mounts: []cachefs.MountConfig{{Path: "/m", Store: f.store}},
	})
	return err
}

func (f *s3Fixture) close() (err error) {
	if f.node != nil {
		err = f.node.Close()
	}
	if f.store != nil {
		err = errors.Join(err, f.store.Close())
	}
	return errors.Join(err, exec.Command(f.script, "stop", f.dir).Run(), os.RemoveAll(f.dir))
}
