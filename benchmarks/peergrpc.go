package main

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
)

// rawCodec hands bytes through gRPC without protobuf: the fastest that it can be.
type rawCodec struct{}

func (rawCodec) Name() string { return "raw" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	dst := v.(*[]byte)
	if data.Len() > len(*dst) {
		return errors.New("more bytes than there is place for")
	}
	data.CopyTo(*dst)
	return nil
}

// grpcRival is one unary method over one connection, with windows that are large enough for a block.
func grpcRival(block []byte) (*rival, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	const window = 4 * miB
	server := grpc.NewServer(grpc.ForceServerCodecV2(rawCodec{}), grpc.InitialWindowSize(window), grpc.InitialConnWindowSize(window))
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "blocks", HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "read", Handler: func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			ask := make([]byte, 8)
			if err := decode(&ask); err != nil {
				return nil, err
			}
			answer := block[:binary.BigEndian.Uint64(ask)]
			return &answer, nil
		}}},
	}, nil)
	var serve sync.WaitGroup
	serve.Go(func() { server.Serve(l) })
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{})), grpc.WithInitialWindowSize(window), grpc.WithInitialConnWindowSize(window))
	if err != nil {
		return nil, err
	}
	return &rival{
		read: func(dst []byte) error {
			ask := binary.BigEndian.AppendUint64(nil, uint64(len(dst)))
			return conn.Invoke(context.Background(), "/blocks/read", &ask, &dst)
		},
		close: func() error {
			err := conn.Close()
			server.Stop()
			serve.Wait()
			return err
		},
	}, nil
}
