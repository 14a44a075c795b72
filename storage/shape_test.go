package storage

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
)

// TestKeysWithoutEndAreKept: a source that puts ids into its keys fills the table of shapes; what comes after keeps its
// attributes all the same, also when the database is opened again.
func TestKeysWithoutEndAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "traces.duckdb")
	db := openAt(t, path)
	var want []analyzer.Span
	spans := func(from, to int) []analyzer.Span {
		var list []analyzer.Span
		for i := from; i < to; i++ {
			s := traceOf(byte(i), 0, 1)[0]
			s.ID = analyzer.SpanID{byte(i >> 16), byte(i >> 8), byte(i)}
			s.Attributes = analyzer.Attributes{
				{Key: fmt.Sprintf("user.%d", i), Value: analyzer.Int(int64(i))},
				{Key: "gen_ai.request.model", Value: analyzer.String("m")},
				{Key: "list", Value: analyzer.Array([]analyzer.Value{analyzer.Double(1)})},
			}
			list = append(list, s)
		}
		want = append(want, list...)
		return list
	}
	insert(t, db, spans(0, maxShapes+10))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = openAt(t, path)
	insert(t, db, spans(maxShapes+5, maxShapes+15)) // some of them again
	sameSpans(t, read(t, db, Query{Columns: AllColumns}), want)
	for _, s := range read(t, db, Query{Columns: AnalysisColumns}) {
		if len(s.Attributes) != 1 || s.Attributes.Text("gen_ai.request.model") != "m" {
			t.Fatalf("span %s has the hot attributes %v", s.ID, s.Attributes)
		}
	}
	if n := len(db.writer.dict.shapes.items); n != maxShapes+1 {
		t.Errorf("%d shapes, want %d", n, maxShapes+1)
	}
}

// TestTextThatIsNotUTF8IsReplacedAndCounted: the span is kept, and the rest of its batch too.
func TestTextThatIsNotUTF8IsReplacedAndCounted(t *testing.T) {
	db := openNew(t)
	bad := traceOf(1, 0, 1)
	bad[0].Name = "na\xffme"
	bad[0].Attributes = analyzer.Attributes{
		{Key: "ke\xffy", Value: analyzer.String("fine")},
		{Key: "key", Value: analyzer.String("a long text that is not \xc3\x28 UTF-8")},
		{Key: "list", Value: analyzer.Array([]analyzer.Value{analyzer.String("\xff")})},
		{Key: "bytes", Value: analyzer.Bytes([]byte{0xff})},
	}
	insert(t, db, bad)
	want := traceOf(1, 0, 1)
	want[0].Name = "na\uFFFDme"
	want[0].Attributes = analyzer.Attributes{
		{Key: "ke\uFFFDy", Value: analyzer.String("fine")},
		{Key: "key", Value: analyzer.String("a long text that is not \uFFFD( UTF-8")},
		{Key: "list", Value: analyzer.Array([]analyzer.Value{analyzer.String("\uFFFD")})},
		{Key: "bytes", Value: analyzer.Bytes([]byte{0xff})},
	}
	sameSpans(t, read(t, db, Query{Columns: AllColumns}), want)
	s, err := db.Status(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if s.ReplacedStrings != 4 {
		t.Errorf("%d strings replaced, want 4", s.ReplacedStrings)
	}
}

func TestRepeatedKeysAreUniqueInMaps(t *testing.T) {
	s := newShape(1, analyzer.Attributes{
		{Key: "a", Value: analyzer.Int(1)}, {Key: "b", Value: analyzer.Int(2)}, {Key: "a", Value: analyzer.Bool(true)},
		{Key: "a#1", Value: analyzer.Int(3)}, {Key: "a", Value: analyzer.Int(4)}, {Key: "a", Value: analyzer.String("other list")},
	}, nil)
	got, want := fmt.Sprint(s.listKeys(slotInt, slotBool)), "[a#2 b a#3 a#1 a]"
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
