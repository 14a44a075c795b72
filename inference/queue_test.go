package inference

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// Tenants take turns whatever they bring, and each tenant's requests keep their order.
func TestTenantsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newFairQueue(1, 10)
		if err := q.acquire(t.Context(), "holder"); err != nil {
			t.Fatal(err)
		}
		order := make(chan string, 10)
		for _, name := range []string{"a1", "a2", "a3", "a4", "b1", "b2", "c1"} {
			go func() {
				if err := q.acquire(t.Context(), name[:1]); err != nil {
					t.Error(err)
				}
				order <- name
				q.release()
			}()
			synctest.Wait()
		}
		if _, waiting := q.state(); waiting != 7 {
			t.Errorf("%d requests wait, want 7", waiting)
		}
		q.release()
		for _, want := range []string{"a1", "b1", "c1", "a2", "b2", "a3", "a4"} {
			if got := <-order; got != want {
				t.Errorf("served %s, want %s", got, want)
			}
		}
		synctest.Wait()
		if free, waiting := q.state(); free != 1 || waiting != 0 {
			t.Errorf("afterwards %d slots are free and %d requests wait, want 1 and 0", free, waiting)
		}
	})
}

func TestQueueRefusesBeyondItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newFairQueue(2, 1)
		for range 2 {
			if err := q.acquire(t.Context(), "a"); err != nil {
				t.Fatal(err)
			}
		}
		waited := make(chan error, 1)
		go func() { waited <- q.acquire(t.Context(), "a") }()
		synctest.Wait()
		if err := q.acquire(t.Context(), "b"); !errors.Is(err, errQueueFull) {
			t.Errorf("with one of one waiting: %v, want %v", err, errQueueFull)
		}
		q.release()
		if err := <-waited; err != nil {
			t.Error(err)
		}
	})
}

// Who gives up loses no slot, whether it waits or has just been granted one.
func TestGivingUpLosesNoSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newFairQueue(1, 10)
		for round := range 100 {
			if err := q.acquire(t.Context(), "a"); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- q.acquire(ctx, "b") }()
			synctest.Wait()
			if round%2 == 0 {
				cancel()
				q.release()
			} else {
				q.release()
				cancel()
			}
			if err := <-done; err == nil {
				q.release()
			}
			if free, waiting := q.state(); free != 1 || waiting != 0 || len(q.tenants) != 0 || len(q.turns) != 0 {
				t.Fatalf("round %d: %d slots free, %d waiting, %d tenants, %d turns", round, free, waiting, len(q.tenants), len(q.turns))
			}
		}
	})
}
