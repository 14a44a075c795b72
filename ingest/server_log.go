package ingest

import (
	"context"
	"log/slog"
	"strings"
	"sync"

	"go.uber.org/zap/zapcore"
)

// A slogCore sends what the embedded receiver logs, which it does through zap, to slog. The receiver tells the
// addresses that it bound in its log and nowhere else, so the core keeps them: with port 0 they are news.
type slogCore struct {
	log   *slog.Logger
	attrs []any
	bound *boundAddresses
}

// slogLevel lowers the receiver's routine messages: the server says itself where it listens.
func slogLevel(level zapcore.Level) slog.Level {
	switch {
	case level >= zapcore.ErrorLevel:
		return slog.LevelError
	case level == zapcore.WarnLevel:
		return slog.LevelWarn
	}
	return slog.LevelDebug
}

// Enabled lets everything through, because the addresses are logged at a level that may be off.
func (c *slogCore) Enabled(zapcore.Level) bool { return true }

func (c *slogCore) With(fields []zapcore.Field) zapcore.Core {
	return &slogCore{log: c.log, attrs: append(c.attrs[:len(c.attrs):len(c.attrs)], slogAttrs(fields)...), bound: c.bound}
}

func (c *slogCore) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	return checked.AddCore(entry, c)
}

func (c *slogCore) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	c.bound.note(entry.Message, fields)
	level := slogLevel(entry.Level)
	if !c.log.Enabled(context.Background(), level) {
		return nil
	}
	c.log.Log(context.Background(), level, "OTLP receiver: "+entry.Message, append(c.attrs, slogAttrs(fields)...)...)
	return nil
}

func (c *slogCore) Sync() error { return nil }

func slogAttrs(fields []zapcore.Field) (attrs []any) {
	values := zapcore.NewMapObjectEncoder()
	for _, f := range fields {
		f.AddTo(values)
	}
	for _, f := range fields {
		if v, ok := values.Fields[f.Key]; ok {
			attrs = append(attrs, slog.Any(f.Key, v))
		}
	}
	return attrs
}

// boundAddresses holds what the receiver said that it bound.
type boundAddresses struct {
	mu        sync.Mutex
	endpoints map[string]string // by the server's name in the message: GRPC, HTTP
}

func (b *boundAddresses) note(message string, fields []zapcore.Field) {
	words := strings.Fields(message) // "Starting GRPC server"
	if len(words) != 3 || words[0] != "Starting" || words[2] != "server" {
		return
	}
	for _, f := range fields {
		if f.Key == "endpoint" {
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.endpoints == nil {
				b.endpoints = map[string]string{}
			}
			b.endpoints[words[1]] = f.String
		}
	}
}

func (b *boundAddresses) grpc() string { return b.get("GRPC") }
func (b *boundAddresses) http() string { return b.get("HTTP") }

func (b *boundAddresses) get(server string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.endpoints[server]
}
