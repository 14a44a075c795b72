package emit

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/sim"
)

// A writer makes the spans of one run.
type writer struct {
	run     *sim.Run
	dialect Dialect
	options Options

	app, gateway *analyzer.Resource
	servers      []*analyzer.Resource
	devices      []*analyzer.Resource

	// Of the request at hand. Every request has random numbers of its own, so that leaving one out changes no other.
	random  *rand.Rand
	traceID analyzer.TraceID
	id      string // as the server names the request
}

func newWriter(run *sim.Run, d Dialect, o Options) *writer {
	w := &writer{run: run, dialect: d, options: o}
	w.app = &analyzer.Resource{Attributes: goProcess("chat-app", "chat-app-0")}
	w.gateway = &analyzer.Resource{Attributes: goProcess("llm-gateway", "llm-gateway-0")}
	replicas := run.Config.Replicas + len(run.Config.Scale)
	for i := range replicas {
		name := d.Name + "-server"
		instance := fmt.Sprintf("%s-%d", name, i)
		attributes := analyzer.Attributes{
			text("telemetry.sdk.language", "python"), text("telemetry.sdk.name", "opentelemetry"),
			text("telemetry.sdk.version", "1.39.0"), text("service.name", name),
		}
		if !o.NoInstance {
			attributes = append(attributes, text("service.instance.id", instance))
		}
		w.servers = append(w.servers, &analyzer.Resource{Attributes: attributes})
		w.devices = append(w.devices, &analyzer.Resource{Attributes: analyzer.Attributes{
			text("service.name", "dcgm-exporter"), text("service.instance.id", instance), text("host.name", fmt.Sprintf("gpu-node-%02d", i)),
		}})
	}
	return w
}

func goProcess(service, instance string) analyzer.Attributes {
	return analyzer.Attributes{
		text("telemetry.sdk.language", "go"), text("telemetry.sdk.name", "opentelemetry"), text("telemetry.sdk.version", "1.39.0"),
		text("service.name", service), text("service.instance.id", instance),
	}
}

// begin draws the ids of a trace.
func (w *writer) begin(n uint64, r *sim.Request) {
	w.random = rand.New(rand.NewPCG(w.run.Config.Seed^0x510707, n))
	binary.BigEndian.PutUint64(w.traceID[:8], w.random.Uint64())
	binary.BigEndian.PutUint64(w.traceID[8:], w.random.Uint64()|1)
	w.id = fmt.Sprintf("%016x%016x", w.random.Uint64(), w.random.Uint64())
}

func (w *writer) spanID() (id analyzer.SpanID) {
	binary.BigEndian.PutUint64(id[:], w.random.Uint64()|1)
	return id
}

// Flags as OpenTelemetry's Python SDK exports them: it is known whether the parent is remote, and whether it is.
const (
	flagsLocal  = 0x100
	flagsRemote = 0x300
)

// span starts a span of the request at hand, below a parent of the same process or none.
func (w *writer) span(parent analyzer.SpanID, name string, kind analyzer.SpanKind, start, end int64, resource *analyzer.Resource, scope *analyzer.Scope) analyzer.Span {
	return analyzer.Span{
		TraceID: w.traceID, ID: w.spanID(), Parent: parent, Start: start, End: end, Name: name, Kind: kind,
		Flags: flagsLocal, Resource: resource, Scope: scope,
	}
}

// maxTokens is what the client allowed: what is set aside for its answer, if anything is, and else a power of two.
func (w *writer) maxTokens(r *sim.Request) int64 {
	limit := int64(max(128, w.run.Config.Engine.Reserve))
	for limit < int64(r.Output) {
		limit *= 2
	}
	return limit
}

// shortModel is the model's name without its owner.
func (w *writer) shortModel() string {
	name := w.run.Config.Model.Name
	return name[strings.LastIndexByte(name, '/')+1:]
}

func text(key, value string) analyzer.Attribute {
	return analyzer.Attribute{Key: key, Value: analyzer.String(value)}
}

func texts(key string, values ...string) analyzer.Attribute {
	list := make([]analyzer.Value, len(values))
	for i, v := range values {
		list[i] = analyzer.String(v)
	}
	return analyzer.Attribute{Key: key, Value: analyzer.Array(list)}
}

func number(key string, value int64) analyzer.Attribute {
	return analyzer.Attribute{Key: key, Value: analyzer.Int(value)}
}

func double(key string, value float64) analyzer.Attribute {
	return analyzer.Attribute{Key: key, Value: analyzer.Double(value)}
}

// seconds is a duration in seconds, as most stacks state it.
func seconds(key string, ns int64) analyzer.Attribute { return double(key, float64(ns)/1e9) }
