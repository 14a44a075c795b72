package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/slowtoken/slowtoken/rules"
)

// ErrNoReport says that a file is no report of this program.
var ErrNoReport = errors.New("it is no report that slowtoken saved")

// Read reads what [WriteJSON] wrote. Printing the result gives the same bytes in every format. A report of another
// version of the schema is an error, and so is one with a field that this version does not know: nothing is lost
// silently.
func Read(in io.Reader) (*Report, error) {
	text, err := io.ReadAll(in)
	if err != nil {
		return nil, err
	}
	var head struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoReport, err)
	}
	switch name, _, _ := strings.Cut(Schema, "/"); {
	case head.Schema == Schema:
	case strings.HasPrefix(head.Schema, name+"/"):
		return nil, fmt.Errorf("it is of schema %s and this program reads %s: make it again from the traces", head.Schema, Schema)
	default:
		return nil, ErrNoReport
	}
	r := &Report{Result: &rules.Result{}}
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(r); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoReport, err)
	}
	return r, nil
}
