package load

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// The kinds of errors that are no HTTP status.
const (
	errorRefused    = "refused"    // nobody listens
	errorReset      = "reset"      // the connection broke
	errorTimeout    = "timeout"    // no complete answer within the time that a request has
	errorIncomplete = "incomplete" // the answer ended before it was complete
	errorProtocol   = "protocol"   // the answer cannot be read
	errorServer     = "server"     // the server said in its answer that it failed
	errorFiles      = "files"      // this process may open no more connections (ulimit -n)
	errorName       = "name"       // the host's name is not known
	errorTransport  = "transport"  // anything else on the way
	errorDropped    = "dropped"    // was not sent: too many were running
)

var (
	errProtocol   = errors.New("the answer cannot be read")
	errIncomplete = errors.New("the answer ended before it was complete")

	// Why calls are cut off; both make an unfinished request, which is no error of the server's.
	errDrained     = errors.New("waiting for answers has ended")
	errInterrupted = errors.New("the load test was interrupted")
)

// unfinished reports whether a call was cut off by the load test itself.
func unfinished(ctx context.Context) bool {
	cause := context.Cause(ctx)
	return errors.Is(cause, errDrained) || errors.Is(cause, errInterrupted)
}

// kindOf says which kind of error ended a call.
func kindOf(err error) string {
	var name *net.DNSError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, errProtocol):
		return errorProtocol
	case errors.Is(err, errIncomplete):
		return errorIncomplete
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return errorTimeout
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return errorFiles
	case errors.As(err, &name):
		return errorName
	case errors.Is(err, syscall.ECONNREFUSED):
		return errorRefused
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errorReset
	case errors.As(err, &timeout) && timeout.Timeout():
		return errorTimeout
	}
	return errorTransport
}
