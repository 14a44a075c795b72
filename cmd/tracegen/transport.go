package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// target is the server that is sent to.
func (o options) target() string { return o.grpcAddress + o.httpAddress }

// connect returns a transport with a connection of its own.
func (o options) connect() (t transport, close func() error, err error) {
	if o.httpAddress != "" {
		connection := &http.Transport{MaxConnsPerHost: 1}
		url := "http://" + o.httpAddress + "/v1/traces"
		return overHTTP{&http.Client{Transport: connection}, url}, func() error { connection.CloseIdleConnections(); return nil }, nil
	}
	connection, err := grpc.NewClient(o.grpcAddress, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{})))
	if err != nil {
		return nil, nil, fmt.Errorf("connect to %s: %w", o.grpcAddress, err)
	}
	return overGRPC{connection}, connection.Close, nil
}

type overGRPC struct{ *grpc.ClientConn }

func (c overGRPC) export(ctx context.Context, body []byte) (answer []byte, err error) {
	err = c.Invoke(ctx, "/opentelemetry.proto.collector.trace.v1.TraceService/Export", body, &answer)
	return answer, err
}

// rawCodec passes encoded messages through.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

type overHTTP struct {
	*http.Client
	url string
}

func (c overHTTP) export(ctx context.Context, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	response, err := c.Do(request)
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	return answer, httpStatus(response, answer)
}

// httpStatus is the answer's status as gRPC would have it: OTLP allows to repeat what got 429, 502, 503 or 504.
func httpStatus(response *http.Response, answer []byte) error {
	code := codes.InvalidArgument
	switch response.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusTooManyRequests:
		code = codes.ResourceExhausted
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		code = codes.Unavailable
	}
	s := status.New(code, fmt.Sprintf("HTTP %s: %q", response.Status, strings.TrimSpace(string(answer))))
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil {
		if with, err := s.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Duration(seconds) * time.Second)}); err == nil {
			s = with
		}
	} else if code == codes.ResourceExhausted { // may be repeated without the header, too
		s = status.New(codes.Unavailable, s.Message())
	}
	return s.Err()
}
