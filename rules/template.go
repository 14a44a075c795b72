package rules

import (
	"strings"

	"cel.dev/cel-go/cel"
)

// A Template is text of a rule with expressions in braces: "p95 is {e2e_p95}". Two braces stand for one.
type Template struct {
	Source string
	pieces []piece
}

// A piece is literal text, or an expression with the unit that its value prints in.
type piece struct {
	text string
	expr *Expr
	unit string
}

// parseTemplate reads a template. A problem's place is an offset of source, as in [celError].
func parseTemplate(env *cel.Env, source string, names []string, unitOf func(name string) string) (*Template, *celError) {
	t := &Template{Source: source}
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			t.pieces = append(t.pieces, piece{text: literal.String()})
			literal.Reset()
		}
	}
	line, column := 1, 0
	runes := []rune(source)
	for i := 0; i < len(runes); i++ {
		c := runes[i]
		switch {
		case (c == '{' || c == '}') && i+1 < len(runes) && runes[i+1] == c:
			literal.WriteRune(c)
			i++
			column++
		case c == '}':
			return nil, &celError{line, column, "a } without a {: write }} for a brace"}
		case c == '{':
			end := i + 1
			for end < len(runes) && runes[end] != '}' {
				end++
			}
			if end == len(runes) {
				return nil, &celError{line, column, "a { that no } closes: write {{ for a brace"}
			}
			inner := string(runes[i+1 : end])
			e, problem := compile(env, inner, names, 0)
			if problem != nil {
				if problem.line == 1 {
					problem.column += column + 1
				}
				problem.line += line - 1
				return nil, problem
			}
			flush()
			t.pieces = append(t.pieces, piece{expr: e, unit: unitOf(strings.TrimSpace(inner))})
			for _, r := range runes[i:end] {
				if column++; r == '\n' {
					line, column = line+1, 0
				}
			}
			i = end
		default:
			literal.WriteRune(c)
		}
		if column++; c == '\n' {
			line, column = line+1, 0
		}
	}
	flush()
	return t, nil
}

// unknownText stands for what is not known in a text.
const unknownText = "(not known)"

// fill writes the template with its expressions computed; complete is false if one of them could not be.
func (t *Template) fill(b *bindings) (s string, complete bool) {
	if t == nil {
		return "", true
	}
	var out strings.Builder
	complete = true
	for _, p := range t.pieces {
		if p.expr == nil {
			out.WriteString(p.text)
			continue
		}
		r := p.expr.eval(b)
		if !r.value.Known {
			out.WriteString(unknownText)
			complete = false
			continue
		}
		out.WriteString(formatMeasure(r.value, p.expr.Kind, p.unit))
	}
	return strings.TrimSpace(out.String()), complete
}
