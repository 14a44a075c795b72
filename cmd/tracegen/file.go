package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/synth"
	"github.com/slowtoken/slowtoken/ingest"
)

func writeFile(ctx context.Context, o options, stdout io.Writer) (err error) {
	batches := corpusBatches(o)
	if o.tree > 0 {
		batches = synth.Tree(o.corpus.Seed, o.tree, o.corpus.End)
	}
	if o.recording {
		batches, o.format = recordingBatches(), "otlp-jsonl"
	}
	if o.out == "-" {
		_, err := encode(ctx, stdout, o.format, batches)
		return err
	}
	file, err := os.Create(o.out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	var w io.Writer = file
	if strings.HasSuffix(o.out, ".gz") {
		packed := gzip.NewWriter(file)
		defer func() { err = errors.Join(err, packed.Close()) }()
		w = packed
	}
	spans, err := encode(ctx, w, o.format, batches)
	if err != nil {
		return fmt.Errorf("write %s: %w", o.out, err)
	}
	fmt.Fprintf(stdout, "wrote %d spans to %s as %s\n", spans, o.out, o.format)
	return nil
}

// corpusBatches yields the spans of whole traces, at least o.batch at a time but for the last.
func corpusBatches(o options) iter.Seq[[]analyzer.Span] {
	return func(yield func([]analyzer.Span) bool) {
		var batch []analyzer.Span
		for spans := range synth.Corpus(o.corpus) {
			batch = append(batch, spans...)
			if len(batch) < o.batch {
				continue
			}
			if !yield(batch) {
				return
			}
			batch = nil
		}
		if len(batch) > 0 {
			yield(batch)
		}
	}
}

func recordingBatches() iter.Seq[[]analyzer.Span] {
	return func(yield func([]analyzer.Span) bool) {
		for _, batch := range synth.Recording(synth.DemoRecording) {
			if !yield(batch) {
				return
			}
		}
	}
}

// encode writes each batch as one OTLP message, and returns how many spans there were.
func encode(ctx context.Context, w io.Writer, format string, batches iter.Seq[[]analyzer.Span]) (spans int, err error) {
	buffered := bufio.NewWriterSize(w, 1<<20)
	put, finish := encoder(format, buffered)
	for batch := range batches {
		if err := ctx.Err(); err != nil {
			return spans, err
		}
		if err := put(ingest.ToTraces(batch)); err != nil {
			return spans, err
		}
		spans += len(batch)
	}
	return spans, errors.Join(finish(), buffered.Flush())
}

// formats are the values of --format.
var formats = []string{"otlp-proto", "otlp-jsonl", "otlp-json"}

// encoder returns how to write one message in one of the formats and how to end the file.
func encoder(format string, w *bufio.Writer) (put func(ptrace.Traces) error, finish func() error) {
	switch format {
	case "otlp-json":
		document := &documentWriter{w: w}
		return document.put, document.finish
	case "otlp-jsonl":
		put = func(td ptrace.Traces) error {
			message, err := new(ptrace.JSONMarshaler).MarshalTraces(td)
			if err != nil {
				return err
			}
			_, err = w.Write(append(message, '\n'))
			return err
		}
	default: // otlp-proto, as the collector's file exporter writes it: each message behind its length in 4 bytes
		put = func(td ptrace.Traces) error {
			message, err := new(ptrace.ProtoMarshaler).MarshalTraces(td)
			if err != nil {
				return err
			}
			length := binary.BigEndian.AppendUint32(nil, uint32(len(message)))
			_, err = w.Write(append(length, message...))
			return err
		}
	}
	return put, func() error { return nil }
}

// A documentWriter writes one OTLP JSON document that holds what all messages hold.
type documentWriter struct {
	w     *bufio.Writer
	begun bool
}

const documentOpening, documentClosing = `{"resourceSpans":[`, `]}`

func (d *documentWriter) put(td ptrace.Traces) error {
	message, err := new(ptrace.JSONMarshaler).MarshalTraces(td)
	if err != nil {
		return err
	}
	inner, ok := bytes.CutPrefix(bytes.TrimSuffix(message, []byte(documentClosing)), []byte(documentOpening))
	if !ok {
		return fmt.Errorf("an OTLP JSON message starts with %.40q, not with %q", message, documentOpening)
	}
	before := ",\n"
	if !d.begun {
		before, d.begun = documentOpening, true
	}
	_, err = d.w.WriteString(before)
	if err != nil {
		return err
	}
	_, err = d.w.Write(inner)
	return err
}

func (d *documentWriter) finish() error {
	_, err := d.w.WriteString(documentClosing + "\n")
	return err
}
