package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

// asker is one connection over which n bytes are asked for by 8 bytes that say n.
func asker(conn net.Conn, serve *sync.WaitGroup, l net.Listener) *rival {
	var turn sync.Mutex
	ask := make([]byte, 8)
	return &rival{
		read: func(dst []byte) error {
			turn.Lock()
			defer turn.Unlock()
			binary.BigEndian.PutUint64(ask, uint64(len(dst)))
			if _, err := conn.Write(ask); err != nil {
				return err
			}
			_, err := io.ReadFull(conn, dst)
			return err
		},
		close: func() error {
			err := errors.Join(conn.Close(), l.Close())
			serve.Wait()
			return err
		},
	}
}

// streamRival is one TCP connection, wrapped on both sides, whose server answers by reply.
func streamRival(client, server func(net.Conn) net.Conn, reply func(conn net.Conn, n int64) error) (*rival, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	var serve sync.WaitGroup
	serve.Go(func() {
		raw, err := l.Accept()
		if err != nil {
			return
		}
		conn := server(raw)
		defer conn.Close()
		ask := make([]byte, 8)
		for {
			if _, err := io.ReadFull(conn, ask); err != nil {
				return
			}
			if reply(conn, int64(binary.BigEndian.Uint64(ask))) != nil {
				return
			}
		}
	})
	raw, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return asker(client(raw), &serve, l), nil
}

func unwrapped(c net.Conn) net.Conn { return c }

// sendfileRival sends a file by sendfile, and checks nothing.
func sendfileRival(f *os.File) (*rival, error) {
	return streamRival(unwrapped, unwrapped, func(conn net.Conn, n int64) error {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		_, err := io.CopyN(conn, f, n)
		return err
	})
}

// echoRival writes bytes from memory, and checks nothing.
func echoRival(block []byte) (*rival, error) {
	return streamRival(unwrapped, unwrapped, func(conn net.Conn, n int64) error {
		_, err := conn.Write(block[:n])
		return err
	})
}

// tlsRival is echoRival under TLS 1.3.
func tlsRival(block []byte) (*rival, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	server := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS13}
	client := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13} // it is a benchmark of what follows
	return streamRival(
		func(c net.Conn) net.Conn { return tls.Client(c, client) },
		func(c net.Conn) net.Conn { return tls.Server(c, server) },
		func(conn net.Conn, n int64) error {
			_, err := conn.Write(block[:n])
			return err
		})
}

// httpRival is net/http with connections that are kept.
func httpRival(block []byte) (*rival, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		n, err := strconv.Atoi(q.URL.Query().Get("n"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Length", strconv.Itoa(n))
		w.Write(block[:n])
	})}
	var serve sync.WaitGroup
	serve.Go(func() { server.Serve(l) })
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	return &rival{
		read: func(dst []byte) error { return httpRead(client, l.Addr().String(), dst) },
		close: func() error {
			client.CloseIdleConnections()
			err := server.Shutdown(context.Background())
			serve.Wait()
			return err
		},
	}, nil
}

func httpRead(client *http.Client, addr string, dst []byte) error {
	resp, err := client.Get(fmt.Sprintf("http://%s/?n=%d", addr, len(dst)))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.ReadFull(resp.Body, dst)
	return err
}
