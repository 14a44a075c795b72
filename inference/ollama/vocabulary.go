package ollama

// A vocabulary of our own: every byte, then Latin syllables and pairs of them, with and without a space before. It
// belongs to nobody and encodes any text.

// Types of tokens, as GGUF numbers them.
const (
	normalToken  int32 = 1
	controlToken int32 = 3
)

const (
	beginToken = "<|begin|>"
	endToken   = "<|end|>"
)

// syllables returns "ba", "be", ...: a hundred of them.
func syllables() (list []string) {
	for _, consonant := range "tnrslcdmpbhfgvkwyjqz" {
		for _, vowel := range "eaiou" {
			list = append(list, string(consonant)+string(vowel))
		}
	}
	return list
}

// byteToken returns how byte-level BPE spells a byte: GPT-2's table, by which every byte is a character that prints.
func byteToken(b byte) string {
	switch r := rune(b); {
	case b == 0xad:
		return string(rune(0x0143))
	case r <= 0x20:
		return string(r + 0x0100)
	case r >= 0x7f && r <= 0xa0:
		return string(r + 0xa2)
	default:
		return string(r)
	}
}

// newVocabulary returns a vocabulary of size tokens, at least [minVocabulary]. The two control tokens come first; plain
// reports of each token whether it may stand in an answer: control tokens and bytes that are no whole character may not.
func newVocabulary(size int) (v vocabulary, plain []bool) {
	v = vocabulary{Model: "gpt2", Pre: "llama-bpe"}
	add := func(token string, kind int32, isPlain bool) bool {
		if len(v.Tokens) == size {
			return false
		}
		v.Tokens, v.Types, plain = append(v.Tokens, token), append(v.Types, kind), append(plain, isPlain)
		return true
	}
	merge := func(left, right string) {
		if add(left+right, normalToken, true) {
			v.Merges = append(v.Merges, left+" "+right)
		}
	}
	add(beginToken, controlToken, false)
	add(endToken, controlToken, false)
	for b := range 256 {
		add(byteToken(byte(b)), normalToken, b >= ' ' && b < 0x7f)
	}
	space := byteToken(' ')
	all := syllables()
	for _, s := range all {
		merge(s[:1], s[1:])
	}
	for _, s := range all {
		merge(space, s)
	}
	for _, first := range all {
		for _, second := range all {
			merge(first, second)
		}
	}
	for _, first := range all {
		for _, second := range all {
			merge(space, first+second)
		}
	}
	for _, first := range all { // words of three syllables, for the sizes of real vocabularies
		for _, second := range all {
			for _, third := range all {
				if len(v.Tokens) == size {
					return v, plain
				}
				merge(first+second, third)
			}
		}
	}
	return v, plain
}

// minVocabulary holds every byte and every syllable; maxVocabulary is what there is.
const (
	minVocabulary = 2 + 256 + 100
	maxVocabulary = 2 + 256 + 2*100 + 2*100*100 + 100*100*100
)
