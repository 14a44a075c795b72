package report

import "container/heap"

// A stretch wants a place in a lane.
type stretch struct {
	start, end int64 // end is not before start
	parent     int   // an earlier stretch in whose lane it belongs if it fits; -1 for none
}

// lanesOf gives each stretch a lane, numbered from 0, so that two stretches of one lane lie one inside the other or
// apart, and inside only what it belongs to. The list is ascending by start, longest first. A stretch goes into its
// parent's lane if nothing else is under way inside the parent there and the parent ends no earlier; else into the first
// lane where nothing is under way, else into a new one.
func lanesOf(list []stretch) (lanes []int, n int) {
	lanes = make([]int, len(list))
	var open [][]int // of each lane the stretches under way, outermost first
	var busy busyLanes
	var free freeLanes
	for i, s := range list {
		for len(busy) > 0 && busy[0].until <= s.start {
			heap.Push(&free, heap.Pop(&busy).(busyLane).lane)
		}
		if s.parent >= 0 {
			lane := lanes[s.parent]
			for k := len(open[lane]); k > 0 && list[open[lane][k-1]].end <= s.start; k-- {
				open[lane] = open[lane][:k-1]
			}
			if k := len(open[lane]); k > 0 && open[lane][k-1] == s.parent && s.end <= list[s.parent].end {
				lanes[i] = lane
				open[lane] = append(open[lane], i)
				continue
			}
		}
		if len(free) > 0 {
			lanes[i] = heap.Pop(&free).(int)
		} else {
			lanes[i] = len(open)
			open = append(open, nil)
		}
		open[lanes[i]] = append(open[lanes[i]][:0], i)
		heap.Push(&busy, busyLane{lanes[i], s.end})
	}
	return lanes, len(open)
}

// busyLane is a lane whose outermost stretch ends at until.
type busyLane struct {
	lane  int
	until int64
}

type busyLanes []busyLane

func (l busyLanes) Len() int           { return len(l) }
func (l busyLanes) Less(i, j int) bool { return l[i].until < l[j].until }
func (l busyLanes) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *busyLanes) Push(x any)        { *l = append(*l, x.(busyLane)) }
func (l *busyLanes) Pop() any          { return pop((*[]busyLane)(l)) }

type freeLanes []int

func (l freeLanes) Len() int           { return len(l) }
func (l freeLanes) Less(i, j int) bool { return l[i] < l[j] }
func (l freeLanes) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *freeLanes) Push(x any)        { *l = append(*l, x.(int)) }
func (l *freeLanes) Pop() any          { return pop((*[]int)(l)) }

func pop[T any](list *[]T) T {
	last := (*list)[len(*list)-1]
	*list = (*list)[:len(*list)-1]
	return last
}
