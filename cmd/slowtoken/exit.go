package main

import (
	"errors"
	"fmt"
)

// The exit codes. Scripts rely on them; they never change their meaning.
const (
	exitOK      = 0
	exitFailure = 1 // the command could not do its work, or doctor found something wrong
	exitUsage   = 2 // flags, arguments or configuration make no sense
	exitFinding = 3 // a finding, regression or missed threshold at --fail-on
	exitNoData  = 4 // everything worked, and there was nothing to look at
)

// An exitError carries an exit code, and what to do next, with an error.
type exitError struct {
	code int
	err  error // nil when all has been said on stdout already, and only the code is left
	hint string
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usageError says that flags, arguments or configuration make no sense.
func usageError(format string, args ...any) error {
	return &exitError{code: exitUsage, err: fmt.Errorf(format, args...)}
}

// noDataError says that there was nothing to look at.
func noDataError(format string, args ...any) error {
	return &exitError{code: exitNoData, err: fmt.Errorf(format, args...)}
}

// exitWith ends the program with code and prints nothing: the command has said everything.
func exitWith(code int) error { return &exitError{code: code} }

// withHint adds what the user can do next to err, and keeps its exit code.
func withHint(err error, format string, args ...any) error {
	return &exitError{code: exitCode(err), err: err, hint: fmt.Sprintf(format, args...)}
}

// hintOf returns what the user can do next about err, "" when nobody said.
func hintOf(err error) string {
	var e *exitError
	for ; errors.As(err, &e); err = e.err {
		if e.hint != "" {
			return e.hint
		}
	}
	return ""
}

// exitCode returns the exit code that err stands for.
func exitCode(err error) int {
	var e *exitError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &e):
		return e.code
	}
	return exitFailure
}
