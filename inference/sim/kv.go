package sim

// kvCache counts blocks of KV cache. Prefixes that are cached are held once, whoever uses them; the one that was used
// longest ago gives way to sequences.
type kvCache struct {
	blocks, free int
	caching      bool
	prefixes     map[int]*prefix
	clock        int64
}

// A prefix is a cached beginning of prompts.
type prefix struct {
	tokens, blocks int
	users          int
	used           int64
}

func newKVCache(blocks int, caching bool) *kvCache {
	return &kvCache{blocks: blocks, free: blocks, caching: caching, prefixes: map[int]*prefix{}}
}

func blocksFor(tokens int) int { return (tokens + BlockTokens - 1) / BlockTokens }

// used returns the share of blocks that are not free.
func (k *kvCache) used() float64 {
	if k.blocks == 0 {
		return 0
	}
	return 1 - float64(k.free)/float64(k.blocks)
}

// grow gives the sequence the blocks that it needs to hold so many tokens; ok is false when there are not enough.
func (k *kvCache) grow(s *Sequence, tokens int) (ok bool) {
	need := blocksFor(tokens-s.shared) - s.blocks
	if need <= 0 {
		return true
	}
	if !k.reclaim(need) {
		return false
	}
	k.free -= need
	s.blocks += need
	return true
}

// reclaim drops unused prefixes until so many blocks are free.
func (k *kvCache) reclaim(need int) bool {
	for k.free < need {
		oldest := 0
		for id, p := range k.prefixes {
			if p.users == 0 && (oldest == 0 || p.used < k.prefixes[oldest].used) {
				oldest = id
			}
		}
		if oldest == 0 {
			return false
		}
		k.free += k.prefixes[oldest].blocks
		delete(k.prefixes, oldest)
	}
	return true
}

// match lets the sequence use what is cached of its prompt: whole blocks, and never the last token, whose logits are
// needed.
func (k *kvCache) match(s *Sequence) {
	p := k.prefixes[s.Prefix]
	if !k.caching || s.Prefix == 0 || p == nil || s.Uncached {
		return
	}
	k.clock++
	p.used = k.clock
	p.users++
	s.prefix = p
	s.shared = min(p.tokens, s.PrefixTokens, s.Prompt-1) / BlockTokens * BlockTokens
	s.computed = s.shared
}

// keep makes a prefix that was computed one that others can use: its blocks pass from the sequence to the cache.
func (k *kvCache) keep(s *Sequence) {
	tokens := min(s.PrefixTokens, s.Prompt) / BlockTokens * BlockTokens
	if !k.caching || s.Prefix == 0 || tokens == 0 || k.prefixes[s.Prefix] != nil {
		return
	}
	k.clock++
	p := &prefix{tokens: tokens, blocks: tokens / BlockTokens, users: 1, used: k.clock}
	k.prefixes[s.Prefix] = p
	s.prefix, s.shared = p, tokens
	s.blocks -= p.blocks
}

// release frees what the sequence holds.
func (k *kvCache) release(s *Sequence) {
	k.free += s.blocks
	s.blocks, s.shared = 0, 0
	if s.prefix != nil {
		s.prefix.users--
		s.prefix = nil
	}
}
