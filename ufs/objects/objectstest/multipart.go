package objectstest

import (
	"context"
	"io"
	"sync"

	"github.com/millpond/millpond/ufs/objects"
)

// multipart is an upload by parts.
type multipart struct {
	b     *Bucket
	name  string
	o     objects.PutOptions
	mu    sync.Mutex
	parts map[int][]byte
}

// receive reads a body as a server would.
func (m *multipart) receive(b *objects.Body) ([]byte, error) {
	if m.b.o.Discard != nil {
		n, err := io.Copy(io.Discard, b.Reader())
		m.b.o.Discard(n)
		return nil, err
	}
	data := make([]byte, b.Len())
	_, err := io.ReadFull(b.Reader(), data)
	return data, err
}

func (m *multipart) Whole(ctx context.Context, body *objects.Body) (objects.Object, error) {
	if err := m.b.enter(ctx, "put", m.name); err != nil {
		return objects.Object{}, err
	}
	data, err := m.receive(body)
	if err != nil {
		return objects.Object{}, err
	}
	return m.b.publish(m.name, data, m.o)
}

func (m *multipart) Begin(ctx context.Context) error { return m.b.enter(ctx, "begin", m.name) }

func (m *multipart) Part(ctx context.Context, n int, body *objects.Body) error {
	if err := m.b.enter(ctx, "part", m.name); err != nil {
		return err
	}
	data, err := m.receive(body)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.parts[n] = data
	return err
}

func (m *multipart) Finish(ctx context.Context, parts int) (objects.Object, error) {
	if err := m.b.enter(ctx, "finish", m.name); err != nil {
		return objects.Object{}, err
	}
	var data []byte
	for n := range parts {
		data = append(data, m.parts[n+1]...)
	}
	return m.b.publish(m.name, data, m.o)
}

func (m *multipart) Drop(ctx context.Context) error { return m.b.enter(ctx, "drop", m.name) }
