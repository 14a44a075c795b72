package report

import (
	"net/url"
	"regexp"
	"strings"
	"unicode"
)

// A pattern finds one kind of what must not be shown.
type pattern struct {
	kind string
	re   *regexp.Regexp
	// parts divides what re found into what stays before, what must go, and what stays behind; nothing goes where the
	// middle is empty.
	parts func(found string) (head, hidden, tail string)
}

func entirely(found string) (head, hidden, tail string) { return "", found, "" }

// patterns are tried in this order: what holds others comes first.
var patterns = []pattern{
	{"private key", regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)`), entirely},
	{"credentials", regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#@\[\]]+@`), func(found string) (string, string, string) {
		i := strings.Index(found, "://") + len("://")
		return found[:i], found[i : len(found)-1], "@"
	}},
	{"URL query", regexp.MustCompile(`[^\s?]\?[A-Za-z0-9_.~%\[\]-]+=[^\s"'<>]*`), func(found string) (string, string, string) {
		i := strings.IndexByte(found, '?') + 1
		if strings.HasPrefix(found[i:], "[URL query ") {
			return found, "", ""
		}
		return found[:i], found[i:], ""
	}},
	{"token", regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(\.[A-Za-z0-9_-]*)?`), entirely},
	{"token", regexp.MustCompile(`(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}`), func(found string) (string, string, string) {
		i := strings.IndexFunc(found, unicode.IsSpace)
		value := strings.TrimLeftFunc(found[i:], unicode.IsSpace)
		if !strings.ContainsAny(value, "0123456789_+/=") && strings.ToLower(value) == value {
			return found, "", "" // a word of running text
		}
		return found[:len(found)-len(value)], value, ""
	}},
	{"API key", regexp.MustCompile(`\b(sk-[A-Za-z0-9_-]{12,}|[srp]k_(live|test)_[A-Za-z0-9]{8,}|gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,}|glpat-[A-Za-z0-9_-]{12,}|xox[abeprs]-[A-Za-z0-9-]{8,}|hf_[A-Za-z0-9]{16,}|gsk_[A-Za-z0-9]{16,}|nvapi-[A-Za-z0-9_-]{16,}|AKIA[0-9A-Z]{12,}|ASIA[0-9A-Z]{12,}|AIza[A-Za-z0-9_-]{20,}|ya29\.[A-Za-z0-9_-]{10,}|ATATT[A-Za-z0-9_=-]{10,}|npm_[A-Za-z0-9]{16,}|pypi-[A-Za-z0-9_-]{16,})`), entirely},
	{"secret", regexp.MustCompile(`(?i)\b(password|passwd|pwd|secret|client_secret|token|access_token|api[_-]?key|apikey|authorization|cookie|session_?id)["']?[=:]["']?[^\s"',;&\[\]]{3,}`), func(found string) (string, string, string) {
		i := strings.IndexAny(found, "=:") + 1
		for i < len(found) && (found[i] == '"' || found[i] == '\'') {
			i++
		}
		return found[:i], found[i:], ""
	}},
	{"e-mail address", regexp.MustCompile(`[\pL\pN._%+-]+@[\pL\pN-]+(\.[\pL\pN-]+)*\.\pL{2,}`), entirely},
	{"phone number", regexp.MustCompile(`\+[0-9]{10,15}\b`), entirely},
	{"home folder", regexp.MustCompile(`(/home/|/Users/)[^/\s"']+`), func(found string) (string, string, string) {
		i := strings.LastIndexByte(found, '/') + 1
		if strings.HasPrefix(found[i:], "[home") {
			return found, "", ""
		}
		return found[:i], found[i:], ""
	}},
	{"opaque string", regexp.MustCompile(`[A-Za-z0-9]{20,}`), func(found string) (string, string, string) {
		if !opaque(found) {
			return found, "", ""
		}
		return "", found, ""
	}},
}

// opaque reports whether a run of letters and digits is no word: it changes between the two often, or is a long number
// in hexadecimal digits.
func opaque(run string) bool {
	changes, digits, hex := 0, 0, true
	for i := range len(run) {
		digit := run[i] >= '0' && run[i] <= '9'
		if digit {
			digits++
		}
		lower := run[i] | 0x20
		hex = hex && (digit || lower >= 'a' && lower <= 'f')
		if i > 0 && digit != (run[i-1] >= '0' && run[i-1] <= '9') {
			changes++
		}
	}
	return changes >= 3 || hex && len(run) >= 32 || digits == len(run)
}

func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' }

// link returns a link without its credentials and without parameters that are named as secrets. The rest of it is what
// opens the right page.
func (x *redactor) link(s, path string) string {
	u, err := url.Parse(s)
	if err != nil {
		return x.text(s, path)
	}
	if u.User != nil {
		x.label("credentials", u.User.String(), path)
		u.User = nil
		s = u.String()
	}
	query := u.Query()
	cut := false
	for key, values := range query {
		if secret.MatchString(key) {
			for _, value := range values {
				x.label("secret", value, path)
			}
			query.Del(key)
			cut = true
		}
	}
	if cut {
		u.RawQuery = query.Encode()
		s = u.String()
	}
	return s
}
