package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A relay passes connections on, and each byte as much later as it is told, either way. It notes by its own clock how much
// later that was: what sleeps is woken late at times.
type relay struct {
	listener net.Listener
	to       string
	delay    time.Duration
	mu       sync.Mutex
	open     []net.Conn
	delays   map[analyzer.TraceID]*roundTrip
}

// A roundTrip is how much later the head of a request was passed on, and the latest bytes of its answer.
type roundTrip struct{ out, back time.Duration }

func startRelay(to string, delay time.Duration) (*relay, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start a slow network: %w", err)
	}
	r := &relay{listener: listener, to: to, delay: delay, delays: map[analyzer.TraceID]*roundTrip{}}
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
		now := new(*roundTrip) // of the request that the connection is about
		go r.pass(near, far, func(data []byte, late time.Duration) {
			if id, ok := traceOf(data); ok {
				*now = &roundTrip{out: late}
				r.delays[id] = *now
			}
		})
		go r.pass(far, near, func(_ []byte, late time.Duration) {
			if *now != nil {
				(*now).back = late
			}
		})
	}
}

// traceOf returns the trace that the head of a request names.
func traceOf(data []byte) (id analyzer.TraceID, ok bool) {
	const before = "\r\ntraceparent: 00-"
	i := bytes.Index(bytes.ToLower(data), []byte(before))
	if i < 0 || len(data) < i+len(before)+2*len(id) {
		return id, false
	}
	_, err := hex.Decode(id[:], data[i+len(before):][:2*len(id)])
	return id, err == nil
}

// delayed returns how much later than without the relay the request of a trace was answered.
func (r *relay) delayed(id analyzer.TraceID) (d time.Duration, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if trip := r.delays[id]; trip != nil {
		return trip.out + trip.back, true
	}
	return 0, false
}

// pass copies what comes, so much later, and notes by how much. What is on the way is not limited.
func (r *relay) pass(from, to net.Conn, note func(data []byte, late time.Duration)) {
	type packet struct {
		came time.Time
		data []byte
	}
	way := make(chan packet, 1<<16)
	go func() {
		defer close(way)
		for {
			buffer := make([]byte, 4096)
			n, err := from.Read(buffer)
			if n > 0 {
				way <- packet{time.Now(), buffer[:n]}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range way {
		time.Sleep(time.Until(p.came.Add(r.delay)))
		r.mu.Lock()
		note(p.data, time.Since(p.came))
		r.mu.Unlock()
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
