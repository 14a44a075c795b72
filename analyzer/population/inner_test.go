package population

import (
	"math/rand/v2"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
)

// throughTheFrontEnd are requests whose prompts take their time in the front end, one by one or side by side, and whose answers
// leave at any time or, where a loop does both, between two prompts.
func throughTheFrontEnd(oneByOne, loop bool) (members []*Record) {
	random := rand.New(rand.NewPCG(3, 5))
	at, free := int64(1e18), int64(0)
	var ends []int64
	for range 400 {
		at += int64(random.ExpFloat64() * 1e8)
		own := int64(3e7 + random.ExpFloat64()*4e7)
		joined := at + own
		if oneByOne {
			joined = max(at, free) + own
		}
		free = joined
		members = append(members, &Record{Start: at, Entered: at, Joined: joined, Outcome: analyzer.Succeeded})
		ends = append(ends, joined)
	}
	for i, r := range members {
		r.answered = r.Joined + int64(random.ExpFloat64()*2e9)
		if loop {
			r.answered = ends[min(len(ends)-1, i+random.IntN(20))] + 5e5
		}
	}
	return members
}

// A thread that has one prompt at a time lets answers go; a loop that does both lets none go meanwhile.
func TestAnswersLeaveWhileATokenizerWorks(t *testing.T) {
	thread, loop, pool := InnerOf(throughTheFrontEnd(true, false)), InnerOf(throughTheFrontEnd(true, true)), InnerOf(throughTheFrontEnd(false, false))
	if thread.Turns.Low < 0.9 || thread.Leaving == nil || *thread.Leaving < 0.8 || *thread.Leaving > 1.2 {
		t.Errorf("a thread: %+v", thread)
	}
	if loop.Turns.Low < 0.9 || loop.Leaving == nil || *loop.Leaving > 0.01 {
		t.Errorf("a loop: %+v", loop)
	}
	if pool.Turns.High > 0.5 {
		t.Errorf("a pool: %+v", pool)
	}
	if none := InnerOf(nil); none != nil {
		t.Errorf("of nobody: %+v", none)
	}
}
