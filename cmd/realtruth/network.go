package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"
)

// A relay passes connections on, and each byte as much later as it is told, either way.
type relay struct {
	listener net.Listener
	to       string
	delay    time.Duration
	mu       sync.Mutex
	open     []net.Conn
}

func startRelay(to string, delay time.Duration) (*relay, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start a slow network: %w", err)
	}
	r := &relay{listener: listener, to: to, delay: delay}
	go r.accept()
	return r, nil
}

func (r *relay) address() string { return r.listener.Addr().String() }

func (r *relay) close() {
	r.listener.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, conn := range r.open {
		conn.Close()
	}
}

func (r *relay) accept() {
	for {
		near, err := r.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", r.to)
		if err != nil {
			near.Close()
			continue
		}
		r.mu.Lock()
		r.open = append(r.open, near, far)
		r.mu.Unlock()
		go r.pass(near, far)
		go r.pass(far, near)
	}
}

// pass copies what comes, so much later. What is on the way is not limited.
func (r *relay) pass(from, to net.Conn) {
	type packet struct {
		due  time.Time
		data []byte
	}
	way := make(chan packet, 1<<16)
	go func() {
		defer close(way)
		for {
			buffer := make([]byte, 4096)
			n, err := from.Read(buffer)
			if n > 0 {
				way <- packet{time.Now().Add(r.delay), buffer[:n]}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range way {
		time.Sleep(time.Until(p.due))
		if _, err := to.Write(p.data); err != nil {
			break
		}
	}
	to.Close()
	for range way { // what nobody takes any more
	}
}

// refuseSome answers a share of requests with 503, as a proxy does whose server is gone.
func refuseSome(next http.Handler, share float64, seed uint64) http.Handler {
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(seed, 3))
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		mu.Lock()
		refused := q.Header.Get("traceparent") != "" && r.Float64() < share
		mu.Unlock()
		if refused {
			time.Sleep(refuseAfter)
			http.Error(w, "the server is gone", http.StatusServiceUnavailable)
			return
		}
		next.ServeHTTP(w, q)
	})
}
