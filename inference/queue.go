package inference

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// errQueueFull is returned when as many requests wait as may wait.
var errQueueFull = errors.New("the queue is full")

// A fairQueue hands out slots. Requests of one tenant go first in, first out; tenants take turns, one request each, so
// that one with many requests delays another by at most one of them a turn.
type fairQueue struct {
	mu      sync.Mutex
	free    int // slots that nobody holds; 0 while anybody waits
	limit   int // how many may wait
	waiting int
	tenants map[string][]*waiter
	turns   []string // tenants that wait, whose turn is next first
}

type waiter struct {
	granted chan struct{}
}

func newFairQueue(slots, limit int) *fairQueue {
	return &fairQueue{free: slots, limit: limit, tenants: map[string][]*waiter{}}
}

// acquire waits for a slot. It fails at once with errQueueFull when the queue is full, and with the context's error
// when that ends first.
func (q *fairQueue) acquire(ctx context.Context, tenant string) error {
	q.mu.Lock()
	if q.free > 0 {
		q.free--
		q.mu.Unlock()
		return nil
	}
	if q.waiting >= q.limit {
		q.mu.Unlock()
		return errQueueFull
	}
	w := &waiter{granted: make(chan struct{})}
	if len(q.tenants[tenant]) == 0 {
		q.turns = append(q.turns, tenant)
	}
	q.tenants[tenant] = append(q.tenants[tenant], w)
	q.waiting++
	q.mu.Unlock()

	select {
	case <-w.granted:
		return nil
	case <-ctx.Done():
	}
	if !q.leave(tenant, w) {
		q.release() // the slot came at the same moment
	}
	return ctx.Err()
}

// leave takes w out of the queue; it reports false when w has been granted a slot already.
func (q *fairQueue) leave(tenant string, w *waiter) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.tenants[tenant], w)
	if i < 0 {
		return false
	}
	q.remove(tenant, i)
	if len(q.tenants[tenant]) == 0 {
		q.turns = slices.DeleteFunc(q.turns, func(t string) bool { return t == tenant })
	}
	return true
}

// remove takes a tenant's waiter i out of its line.
func (q *fairQueue) remove(tenant string, i int) {
	q.tenants[tenant] = slices.Delete(q.tenants[tenant], i, i+1)
	if len(q.tenants[tenant]) == 0 {
		delete(q.tenants, tenant)
	}
	q.waiting--
}

// release gives a slot back, to whoever is next.
func (q *fairQueue) release() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.turns) == 0 {
		q.free++
		return
	}
	tenant := q.turns[0]
	q.turns = slices.Delete(q.turns, 0, 1)
	w := q.tenants[tenant][0]
	q.remove(tenant, 0)
	if len(q.tenants[tenant]) > 0 {
		q.turns = append(q.turns, tenant)
	}
	close(w.granted)
}

// state returns how many slots are free and how many requests wait.
func (q *fairQueue) state() (free, waiting int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.free, q.waiting
}
