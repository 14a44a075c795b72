package load

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// words are three letters each, and one token each with the space before it in most vocabularies.
var words = strings.Fields("the and for are but not you all any can had her was one our out day get has him his how man new now old see two way who boy did its let put say she too use")

const bytesPerToken = 4 // of words with their space

// newPrompt returns a prompt of about so many tokens. It begins with what no other request of any run begins with, so that
// no server finds a part of it in a cache; a prompt is never shorter than that.
func newPrompt(run string, step, index, tokens int, r *rand.Rand) string {
	nonce := fmt.Sprintf("%.8s-%x-%x", run, step, index)
	size := max(tokens*bytesPerToken, len(nonce))
	var b strings.Builder
	b.Grow(size + bytesPerToken)
	b.WriteString(nonce)
	for b.Len() < size {
		b.WriteByte(' ')
		b.WriteString(words[r.IntN(len(words))])
	}
	return b.String()[:size]
}
