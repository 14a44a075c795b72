// Package ollama deals with Ollama servers and the models that they serve: it starts and stops one ([Start]), reads
// its debug log ([ReadLog]), tokenizes with a model's own vocabulary ([Tokenizer]), and writes small models of random
// weights ([WriteModel]) where none can be downloaded.
package ollama
