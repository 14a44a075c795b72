package chart

// fills gives every kind of time its colour and hatching, by the names of phases.
var fills = map[string]fill{
	"queue":        {0xd5, 0x5e, 0x00, rising},
	"tokenize":     {0xcc, 0x79, 0xa7, level},
	"gpu_transfer": {0xb8, 0x8a, 0x00, crossed},
	"prefill":      {0x00, 0x72, 0xb2, solid},
	"decode":       {0x00, 0x8a, 0x64, falling},
	"retry":        {0xa3, 0x2a, 0x2a, crossed},
	"tool":         {0x56, 0x8f, 0xc4, upright},
	"model_load":   {0x8c, 0x5a, 0x2b, upright},
	"network":      {0x6f, 0x5f, 0xa8, level},
	"gateway":      {0x6f, 0x5f, 0xa8, rising},
	"frontend":     {0x6f, 0x5f, 0xa8, falling},
	"stream":       {0x56, 0x8f, 0xc4, level},
	"detokenize":   {0xcc, 0x79, 0xa7, upright},
	"client":       {0x80, 0x80, 0x80, rising},
	"unattributed": {0x80, 0x80, 0x80, hollow},
}

// fillOf returns the fill of a kind of time; what has none of its own looks as other time does.
func fillOf(name string) fill {
	if f, ok := fills[name]; ok {
		return f
	}
	return fill{0x80, 0x80, 0x80, falling}
}
