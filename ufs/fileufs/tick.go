package fileufs

import (
	"context"
	"io/fs"
	"time"
)

const (
	tickPoll = time.Millisecond // a tick is 1 to 10 ms
	maxTicks = 3                // looks at a file that is written in every tick
)

// still looks at a file when the tick of the clock that it was last written in is over: only then would a change still
// to come show. A file that is written in every tick gets a time that it never has again.
func still(ctx context.Context, look func() (fs.FileInfo, error)) (fs.FileInfo, stamp, error) {
	for i := 0; ; i++ {
		fi, err := look()
		if err != nil {
			return nil, stamp{}, err
		}
		st := stampOf(fi)
		switch {
		case fi.IsDir() || !st.inTick():
			return fi, st, nil
		case i == maxTicks:
			st.change = time.Now().UnixNano()
			return fi, st, nil
		}
		for st.inTick() {
			select {
			case <-time.After(tickPoll):
			case <-ctx.Done():
				return nil, stamp{}, context.Cause(ctx)
			}
		}
	}
}

// inTick reports whether a write now could leave the file's times as they are.
func (s stamp) inTick() bool {
	if s.mod != s.change { // the times of a write are the same
		return false
	}
	began, ok := tickBegan()
	return ok && s.change >= began && s.change <= time.Now().UnixNano()
}
