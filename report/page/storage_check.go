package page

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// storageElements lists the elements that a page of ours may hold, with their attributes. There is no official schema of
// the storage format; this is the part of it that Cloud and Data Center both document.
var storageElements = map[string][]string{
	"h1": nil, "h2": nil, "h3": nil, "h4": nil, "p": nil, "strong": nil, "em": nil, "code": nil, "ul": nil, "ol": nil, "li": nil,
	"table": nil, "tbody": nil, "tr": nil, "th": nil, "td": {"style"}, "a": {"href"},
	"ac:task-list": nil, "ac:task": nil, "ac:task-id": nil, "ac:task-status": nil, "ac:task-body": nil,
	"ac:structured-macro": {"ac:name", "ac:schema-version"}, "ac:parameter": {"ac:name"},
	"ac:plain-text-body": nil, "ac:rich-text-body": nil,
	"ac:image": {"ac:alt"}, "ri:attachment": {"ri:filename"},
}

// storageMacros lists the macros with their parameters.
var storageMacros = map[string][]string{
	"toc": {"maxLevel"}, "status": {"colour", "title"}, "code": {"language"}, "expand": {"title"},
	string(Info): {"title"}, string(Tip): {"title"}, string(Note): {"title"}, string(Warning): {"title"},
}

// storageParents lists where elements that are not free to stand anywhere must stand.
var storageParents = map[string][]string{
	"li": {"ul", "ol"}, "tbody": {"table"}, "tr": {"tbody"}, "th": {"tr"}, "td": {"tr"},
	"ac:task": {"ac:task-list"}, "ac:task-id": {"ac:task"}, "ac:task-status": {"ac:task"}, "ac:task-body": {"ac:task"},
	"ac:parameter": {"ac:structured-macro"}, "ac:plain-text-body": {"ac:structured-macro"}, "ac:rich-text-body": {"ac:structured-macro"},
	"ri:attachment": {"ac:image"},
}

// CheckStorage returns an error if text is not a page in Confluence's storage format: well-formed XML with the elements,
// attributes, macros and parameters that it may hold, each where it may stand. It accepts what [Storage] prints and
// little more.
func CheckStorage(text []byte) error {
	wrapped := io.MultiReader(strings.NewReader("<page>"), bytes.NewReader(text), strings.NewReader("</page>"))
	d := xml.NewDecoder(wrapped)
	d.Strict = true
	c := storageCheck{}
	for {
		// Prefixes are kept as they are written: the format declares no name spaces.
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = c.token(token)
		}
		if err != nil {
			line, column := d.InputPos()
			return fmt.Errorf("line %d, column %d of the page: %w", line, column, err)
		}
	}
	if len(c.open) > 0 {
		return fmt.Errorf("the page ends within <%s>", c.open[len(c.open)-1])
	}
	return nil
}

// A storageCheck is the check within a page.
type storageCheck struct {
	open   []string // elements around
	macros []string // macros around
}

func (c *storageCheck) token(token xml.Token) error {
	switch token := token.(type) {
	case xml.StartElement:
		return c.start(token)
	case xml.EndElement:
		name := prefixed(token.Name)
		if len(c.open) == 0 || c.open[len(c.open)-1] != name {
			return fmt.Errorf("</%s> closes nothing that is open", name)
		}
		c.open = c.open[:len(c.open)-1]
		if name == "ac:structured-macro" {
			c.macros = c.macros[:len(c.macros)-1]
		}
	case xml.Comment, xml.ProcInst, xml.Directive:
		return errors.New("comments, processing instructions and declarations have no place in it")
	}
	return nil
}

func (c *storageCheck) start(e xml.StartElement) error {
	name := prefixed(e.Name)
	parent := ""
	if len(c.open) > 0 {
		parent = c.open[len(c.open)-1]
	}
	c.open = append(c.open, name)
	if name == "page" && parent == "" {
		return nil
	}
	attributes, known := storageElements[name]
	if !known {
		return fmt.Errorf("<%s> is not an element that a page may hold", name)
	}
	if parents, bound := storageParents[name]; bound && !slices.Contains(parents, parent) {
		return fmt.Errorf("<%s> stands in <%s>, not in <%s>", name, parent, strings.Join(parents, "> or <"))
	}
	value := map[string]string{}
	for _, a := range e.Attr {
		key := prefixed(a.Name)
		if !slices.Contains(attributes, key) {
			return fmt.Errorf("<%s> has no attribute %s", name, key)
		}
		if _, twice := value[key]; twice {
			return fmt.Errorf("<%s> has the attribute %s twice", name, key)
		}
		value[key] = a.Value
	}
	switch name {
	case "ac:structured-macro":
		if _, known := storageMacros[value["ac:name"]]; !known {
			return fmt.Errorf("%q is not a macro that a page may hold", value["ac:name"])
		}
		c.macros = append(c.macros, value["ac:name"])
	case "ac:parameter":
		macro := c.macros[len(c.macros)-1]
		if !slices.Contains(storageMacros[macro], value["ac:name"]) {
			return fmt.Errorf("the macro %s has no parameter %q", macro, value["ac:name"])
		}
	case "a":
		if url, ok := webLink(value["href"]); !ok || strings.HasPrefix(url, "#") {
			return fmt.Errorf("a link to %q is none to the web", value["href"])
		}
	}
	return nil
}

func prefixed(name xml.Name) string {
	if name.Space == "" {
		return name.Local
	}
	return name.Space + ":" + name.Local
}
