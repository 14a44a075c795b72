package sim

// buffer lets the gateway keep messages until they hold so many tokens, or the answer is whole, and pass them on as one.
// The client reads on.
func (r *Request) buffer(tokens int, out *stream) {
	var times []int64
	var content []int
	held := 0
	for i, n := range out.content {
		if held += n; held >= tokens || i == len(out.content)-1 {
			times, content, held = append(times, out.times[i]), append(content, held), 0
		}
	}
	r.First.Read = times[0]
	r.First.Arrived = r.First.Read - out.client.ReadChunk
	r.First.Relayed = r.First.Arrived - out.delay
	r.Chunks, r.ChunkTimes, r.ChunkContent = len(times), times, content
}
