package main

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/types/known/wrapperspb"
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

// service has one unary method, over one connection. codec nil: protobuf, and gRPC's own windows, which it fits to the connection; with a
// codec they are large enough for a block.
type service struct {
	codec encoding.CodecV2
	serve func(decode func(any) error) (any, error)
	read  func(invoke func(ask, answer any) error, dst []byte) error
}

// rawRival is gRPC without protobuf.
func rawRival(block []byte) (*rival, error) {
	return service{
		codec: rawCodec{},
		serve: func(decode func(any) error) (any, error) {
			ask := make([]byte, 8)
			if err := decode(&ask); err != nil {
				return nil, err
			}
			answer := block[:binary.BigEndian.Uint64(ask)]
			return &answer, nil
		},
		read: func(invoke func(ask, answer any) error, dst []byte) error {
			ask := binary.BigEndian.AppendUint64(nil, uint64(len(dst)))
			return invoke(&ask, &dst)
		},
	}.rival()
}

// protobufRival is gRPC as its users have it.
func protobufRival(block []byte) (*rival, error) {
	return service{
		serve: func(decode func(any) error) (any, error) {
			var ask wrapperspb.Int64Value
			if err := decode(&ask); err != nil {
				return nil, err
			}
			return wrapperspb.Bytes(block[:ask.GetValue()]), nil
		},
		read: func(invoke func(ask, answer any) error, dst []byte) error {
			var answer wrapperspb.BytesValue
			if err := invoke(wrapperspb.Int64(int64(len(dst))), &answer); err != nil {
				return err
			}
			copy(dst, answer.GetValue())
			return nil
		},
	}.rival()
}

func (s service) rival() (*rival, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	var forServer []grpc.ServerOption
	forClient := []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}
	if s.codec != nil {
		const window = 4 * miB
		forServer = append(forServer, grpc.InitialWindowSize(window), grpc.InitialConnWindowSize(window))
		forClient = append(forClient, grpc.WithInitialWindowSize(window), grpc.WithInitialConnWindowSize(window))
		forServer = append(forServer, grpc.ForceServerCodecV2(s.codec))
		forClient = append(forClient, grpc.WithDefaultCallOptions(grpc.ForceCodecV2(s.codec)))
	}
	server := grpc.NewServer(forServer...)
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "blocks", HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "read", Handler: func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			return s.serve(decode)
		}}},
	}, nil)
	var serve sync.WaitGroup
	serve.Go(func() { server.Serve(l) })
	conn, err := grpc.NewClient(l.Addr().String(), forClient...)
	if err != nil {
		return nil, err
	}
	return &rival{
		read: func(dst []byte) error {
			return s.read(func(ask, answer any) error { return conn.Invoke(context.Background(), "/blocks/read", ask, answer) }, dst)
		},
		close: func() error {
			err := conn.Close()
			server.Stop()
			serve.Wait()
			return err
		},
	}, nil
}
