package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/slowtoken/slowtoken/analyzer"
)

// minRetryDelay is the shortest pause asked of a sender. Retry-After counts whole seconds, and 0 would mean at once.
const minRetryDelay = time.Second

// consumeTraces stores a batch and returns when it is safe. Spans without identity are left out, counted and reported
// to the sender; they do not fail the batch, because sending it again would not mend them.
func (s *Server) consumeTraces(ctx context.Context, td ptrace.Traces) error {
	defer s.counters.fly()()
	outcome := outcomeOf(ctx)
	var spans []analyzer.Span
	var refused Refusals
	if outcome.enveloped {
		var err error
		if spans, refused, err = decodeTraces(opened(td)); err != nil {
			s.counters.messagesRefused.WithLabelValues(outcome.transport, "undecodable").Inc()
			return status.Error(codes.InvalidArgument, err.Error())
		}
	} else {
		spans, refused = FromTraces(td)
	}
	s.counters.spansReceived.WithLabelValues(outcome.transport).Add(float64(len(spans) + refused.Total()))
	spans = s.limit(outcome, spans, refused)
	if len(spans) == 0 {
		s.counters.batch("traces", outcome, stored)
		return nil
	}
	received := now()
	for i := range spans {
		spans[i].ReceivedAt = received
	}
	if s.config.DropContent {
		dropped := DropContent(spans)
		s.counters.contentDropped.WithLabelValues("attribute").Add(float64(dropped.Attributes))
		s.counters.contentDropped.WithLabelValues("event").Add(float64(dropped.Events))
	}
	count := len(spans)
	start := time.Now()
	err := s.spans.Insert(ctx, spans)
	s.counters.insertSeconds.Observe(time.Since(start).Seconds())
	s.counters.batch("traces", outcome, result(err))
	if err != nil {
		return s.answer(ctx, "spans", err)
	}
	s.counters.spansStored.Add(float64(count))
	return nil
}

// limit holds spans to the limits, and notes for the sender what was refused, dropped and cut.
func (s *Server) limit(outcome *outcome, spans []analyzer.Span, refused Refusals) []analyzer.Span {
	limits := limiter{Limits: s.config.Limits}
	spans = limits.enforce(spans, &refused)
	s.counters.limited.WithLabelValues("attributes").Add(float64(limits.dropped))
	s.counters.limited.WithLabelValues("value_bytes").Add(float64(limits.cut))
	notes := append(describe(refused), limits.notes()...)
	if len(notes) == 0 {
		return spans
	}
	outcome.refused, outcome.message = refused.Total(), strings.Join(notes, "; ")
	for reason, count := range refused {
		s.counters.spansRefused.WithLabelValues(reason).Add(float64(count))
	}
	s.counters.tell(s.log, "refused or cut spans", slog.Int("refused", outcome.refused), slog.String("why", outcome.message))
	return spans
}

func (s *Server) consumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	defer s.counters.fly()()
	points := FromMetrics(md)
	outcome := outcomeOf(ctx)
	if len(points) == 0 {
		s.counters.batch("metrics", outcome, stored)
		return nil
	}
	err := s.points.InsertMetrics(ctx, points)
	s.counters.batch("metrics", outcome, result(err))
	if err != nil {
		return s.answer(ctx, "metric points", err)
	}
	s.counters.pointsStored.Add(float64(len(points)))
	return nil
}

// consumeLogs counts and forgets: no answer rests on logs, and senders that share one endpoint for all signals must not
// see errors for them.
func (s *Server) consumeLogs(ctx context.Context, ld plog.Logs) error {
	s.counters.batch("logs", outcomeOf(ctx), stored)
	s.counters.logsReceived.Add(float64(ld.LogRecordCount()))
	return nil
}

// A fullError is what a full sink returns.
type fullError interface {
	error
	RetryAfter() time.Duration
}

// result names what became of a batch.
func result(err error) string {
	full := fullError(nil)
	switch {
	case err == nil:
		return stored
	case errors.As(err, &full):
		return busy
	}
	return failed
}

// answer turns a sink's error into what a sender understands. All of them are worth a retry: what can never be stored
// is refused before it gets to a sink. RESOURCE_EXHAUSTED carries RetryInfo, without which clients give up.
func (s *Server) answer(ctx context.Context, what string, err error) error {
	code, pause := codes.Unavailable, minRetryDelay
	full := fullError(nil)
	switch {
	case errors.As(err, &full):
		code, pause = codes.ResourceExhausted, full.RetryAfter()
	case ctx.Err() != nil: // the sender hung up or its deadline passed; nobody reads this
		return status.FromContextError(ctx.Err()).Err()
	default:
		s.counters.tell(s.log, "cannot store what was received; senders are told to retry",
			slog.String("what", what), slog.Any("error", err))
	}
	return retryLater(code, pause, fmt.Sprintf("store %s: %v", what, err))
}

// retryLater is an error with RetryInfo, in whole seconds, as Retry-After has them.
func retryLater(code codes.Code, pause time.Duration, message string) error {
	seconds := (max(pause, minRetryDelay) + time.Second - 1) / time.Second
	answer, err := status.New(code, message).WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(seconds * time.Second)})
	if err != nil { // of a message without details: only a broken build gets here
		return status.Error(code, message)
	}
	return answer.Err()
}

// describe says what was refused, a reason at a time.
func describe(refused Refusals) (parts []string) {
	for _, reason := range refused.Reasons() {
		parts = append(parts, fmt.Sprintf("%d spans refused: %s", refused[reason], reason))
	}
	return parts
}

// A minuteLog passes one message a minute on for each kind, with how many it held back: a sender that is broken is
// broken a thousand times a second.
type minuteLog struct {
	mu   sync.Mutex
	last map[string]time.Time
	held map[string]int
}

func (m *minuteLog) tell(log *slog.Logger, message string, attrs ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t := time.Now(); t.Sub(m.last[message]) >= time.Minute {
		if m.last == nil {
			m.last, m.held = map[string]time.Time{}, map[string]int{}
		}
		if held := m.held[message]; held > 0 {
			attrs = append(attrs, slog.Int("times_since_last_told", held))
		}
		m.last[message], m.held[message] = t, 0
		log.Warn(message, attrs...)
		return
	}
	m.held[message]++
}
