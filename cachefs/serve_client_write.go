package cachefs

import "context"

// createAnswer names the version that will be.
type createAnswer struct{ File []byte }

// write has this node write a file for a Client, as it would for itself. When the stream ends in between nothing stays of the file.
func (s *clientStream) write() {
	ctx, args, end, err := beginClientStream[pathArgs[CreateOptions]](s)
	defer end()
	var w *Writer
	lost := func() {}
	if err == nil {
		ctx, lost, err = s.n.whileLed(ctx)
	}
	defer lost()
	if err == nil {
		w, err = s.n.Create(ctx, string(args.Path), &args.Opts)
	}
	if err != nil {
		s.end(err)
		return
	}
	id := w.w.(*nodeWriter).id
	err = s.say(frameReady, replyTo(s.n, createAnswer{id[:]}, nil))
	if err == nil {
		err = s.take(ctx, w)
	}
	w.Abort() // nothing, after Close; before the last word, so that the Client finds no more of the file than it would here
	s.end(err)
}

// take writes what comes, and closes the file when the Client says so.
func (s *clientStream) take(ctx context.Context, w *Writer) error {
	for {
		select {
		case f := <-s.frames:
			if f.kind == frameClose {
				return w.Close()
			}
			_, err := w.Write(f.body)
			givePiece(f.body)
			if err == nil {
				err = s.send(frameTaken, nil)
			}
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return pathError("write", w.Name(), context.Cause(ctx))
		}
	}
}
