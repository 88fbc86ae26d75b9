package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/millpond/millpond/cachefs"
)

const (
	s3File     = 256 * miB
	s3Range    = 4 * miB // a block
	s3InFlight = 8       // Config.FillWorkers
	s3Small    = 10_000
	s3Each     = 20 * kiB
	s3Readers  = 16
)

// coldS3 is goal 16: cold reads of an S3 server against ranged GETs made by hand with the SDK, as many in flight.
func coldS3(r *report) error {
	ctx := context.Background()
	f, err := newS3(ctx, r, 768*miB)
	if err != nil {
		return err
	}
	defer f.close()
	if err := f.large(ctx, r); err != nil {
		return err
	}
	return f.small(ctx, r)
}

func (f *s3Fixture) large(ctx context.Context, r *report) error {
	p := make([]byte, s3File)
	noise(p)
	if err := f.put(ctx, "large", p); err != nil {
		return err
	}
	buf := make([]byte, miB)
	fresh := func() error { return f.node.Free(ctx, "/m/large", nil) }
	ours := func(int) error {
		size, err := readThrough(ctx, f.node, "/m/large", buf)
		if err == nil && size != s3File {
			err = fmt.Errorf("%d bytes", size)
		}
		return err
	}
	if _, err := f.node.Stat(ctx, "/m/large", nil); err != nil {
		return err
	}
	theirs := func(int) error { return f.getRanges(ctx, "large", s3File) }
	return r.compareFresh("cold sequential read of 256 MiB against SDK GETs", atLeast(0.9), fresh, ours, theirs)
}

// readThrough reads a file from its beginning to its end.
func readThrough(ctx context.Context, n *cachefs.Node, path string, buf []byte) (size int64, err error) {
	file, err := n.Open(ctx, path, nil)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	for {
		k, err := file.Read(buf)
		size += int64(k)
		if err == io.EOF {
			return size, nil
		}
		if err != nil {
			return size, err
		}
	}
}

// getRanges reads an object by parallel ranged GETs into buffers that are used again.
func (f *s3Fixture) getRanges(ctx context.Context, key string, size int64) error {
	ranges := make(chan int64)
	return inParallel(s3InFlight, func() {
		for off := int64(0); off < size; off += s3Range {
			ranges <- off
		}
		close(ranges)
	}, func() error {
		buf := make([]byte, s3Range)
		for off := range ranges {
			if err := f.get(ctx, key, fmt.Sprintf("bytes=%d-%d", off, off+s3Range-1), buf); err != nil {
				return err
			}
		}
		return nil
	})
}

// inParallel runs workers of them beside feed. An error leaves feed to the others: there is no other way out.
func inParallel(workers int, feed func(), work func() error) error {
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = work() })
	}
	feed()
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *s3Fixture) get(ctx context.Context, key, bytes string, buf []byte) error {
	in := &s3.GetObjectInput{Bucket: &f.bucket, Key: &key}
	if bytes != "" {
		in.Range = &bytes
	}
	out, err := f.sdk.GetObject(ctx, in)
	if err != nil {
		return err
	}
	defer out.Body.Close()
	_, err = io.ReadFull(out.Body, buf[:*out.ContentLength])
	return err
}

func (f *s3Fixture) put(ctx context.Context, key string, p []byte) error {
	_, err := f.sdk.PutObject(ctx, &s3.PutObjectInput{Bucket: &f.bucket, Key: &key, Body: bytes.NewReader(p)})
	return err
}

// small reads 10,000 objects of 20 KB: bounded by requests in flight.
func (f *s3Fixture) small(ctx context.Context, r *report) error {
	p := make([]byte, s3Each)
	noise(p)
	if err := f.eachSmall(func(i int, _ []byte) error { return f.put(ctx, smallKey(i), p) }); err != nil {
		return err
	}
	seen := 0
	for _, err := range f.node.List(ctx, "/m/small", nil) {
		if err != nil {
			return err
		}
		seen++
	}
	if seen != s3Small {
		return fmt.Errorf("listed %d of %d", seen, s3Small)
	}
	fresh := func() error { return f.node.Free(ctx, "/m/small", &cachefs.FreeOptions{Recursive: true}) }
	ours := func(int) error {
		return f.eachSmall(func(i int, buf []byte) error {
			size, err := readThrough(ctx, f.node, "/m/"+smallKey(i), buf)
			if err == nil && size != s3Each {
				err = fmt.Errorf("%d bytes", size)
			}
			return err
		})
	}
	theirs := func(int) error {
		return f.eachSmall(func(i int, buf []byte) error { return f.get(ctx, smallKey(i), "", buf) })
	}
	return r.compareFresh("cold read of 10,000 objects of 20 KiB against SDK GETs", atLeast(0.9), fresh, ours, theirs)
}

func smallKey(i int) string { return fmt.Sprintf("small/o%05d", i) }

// eachSmall calls do for each of the small objects, s3Readers at a time, each with a buffer of its own.
func (f *s3Fixture) eachSmall(do func(i int, buf []byte) error) error {
	ids := make(chan int)
	return inParallel(s3Readers, func() {
		for i := range s3Small {
			ids <- i
		}
		close(ids)
	}, func() (err error) {
		buf := make([]byte, 64*kiB)
		for i := range ids {
			if e := do(i, buf); e != nil {
				err = e
			}
		}
		return err
	})
}

// writesS3 is goal 17 over S3: CacheThrough against the SDK's own upload manager.
func writesS3(r *report) error {
	ctx := context.Background()
	f, err := newS3(ctx, r, 512*miB)
	if err != nil {
		return err
	}
	defer f.close()
	for _, size := range []int{64 * miB, 1 * miB} {
		p := make([]byte, size)
		noise(p)
		ours := func(n int) error {
			for range n {
				if err := writeThrough(ctx, f.node, "/m/ours", p); err != nil {
					return err
				}
			}
			return nil
		}
		manager := transfermanager.New(f.sdk)
		key := "theirs"
		theirs := func(n int) error {
			for range n {
				_, err := manager.UploadObject(ctx, &transfermanager.UploadObjectInput{Bucket: &f.bucket, Key: &key, Body: bytes.NewReader(p)})
				if err != nil {
					return err
				}
			}
			return nil
		}
		name := fmt.Sprintf("CacheThrough of %d MiB to S3 against the SDK's upload", size/miB)
		if err := r.compare(name, atLeast(0.9), true, false, ours, theirs); err != nil {
			return err
		}
	}
	return nil
}

func writeThrough(ctx context.Context, n *cachefs.Node, path string, p []byte) error {
	w, err := n.Create(ctx, path, &cachefs.CreateOptions{WriteType: cachefs.CacheThrough, Overwrite: true, Size: int64(len(p))})
	if err != nil {
		return err
	}
	for off := 0; off < len(p); off += miB {
		if _, err := w.Write(p[off : off+miB]); err != nil {
			return err
		}
	}
	return w.Close()
}
