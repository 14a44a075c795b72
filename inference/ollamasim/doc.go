// Package ollamasim is a simulated model server behind Ollama's HTTP API: the engine of package sim, in real time. It
// answers with words that mean nothing, at the times at which the simulated device would, and states the durations that
// Ollama states, with the same gaps: the wait for a slot and the tokenizing are in none of them.
//
// It follows Ollama 0.17.4: https://github.com/ollama/ollama, server/routes.go, server/sched.go and runner/ollamarunner.
package ollamasim
