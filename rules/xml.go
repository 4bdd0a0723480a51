package rules

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Names in what is made of XML that no element can have.
const (
	attributeMark = "@"     // in front of an attribute's name
	textName      = "#text" // what an element with attributes or elements says itself
)

// maxAttributes bounds those of one element. The decoder reads all of them before
// it tells anything.
const maxAttributes = 100_000

// readXML makes of <a id="1"><b>x</b><b>y</b></a> what JSON would call
// {"a": {"@id": "1", "b": ["x", "y"]}}: an element without attributes and
// elements is its text, repeated ones are a list. Names are without their
// namespace. Document types, and so entities of their own, are refused.
func readXML(body []byte) (any, error) {
	if tooManyAttributes(body) {
		return nil, fmt.Errorf("%w: an element has more than %d attributes", ErrTooLarge, maxAttributes)
	}
	decoder := xml.NewDecoder(bytes.NewReader(trimMark(body)))
	decoder.CharsetReader = func(charset string, _ io.Reader) (io.Reader, error) {
		return nil, fmt.Errorf("the charset %s is not read; send UTF-8", charset)
	}
	r := &xmlReader{decoder: decoder}
	root := map[string]any{}
	for {
		token, err := decoder.Token()
		switch t := token.(type) {
		case xml.StartElement:
			if len(root) > 0 {
				return nil, &MalformedError{"not XML: something follows the root element"}
			}
			value, err := r.element(t, 1)
			if err != nil {
				return nil, malformedXML(err)
			}
			root[t.Name.Local] = value
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return nil, &MalformedError{"not XML: text outside of the root element"}
			}
		case xml.Directive:
			return nil, malformedXML(errDirective)
		}
		switch {
		case errors.Is(err, io.EOF) && len(root) > 0:
			return root, nil
		case errors.Is(err, io.EOF):
			return nil, &MalformedError{"not XML: there is no element"}
		case err != nil:
			return nil, malformedXML(err)
		}
	}
}

// tooManyAttributes looks for what has the form of an attribute, an equals sign and
// a quote, between one < and the next. Text may have it, too, but not so often.
func tooManyAttributes(body []byte) bool {
	for tag := range bytes.SplitSeq(body, []byte("<")) {
		count := 0
		for len(tag) > 0 {
			_, tag, _ = bytes.Cut(tag, []byte("="))
			if tag = bytes.TrimLeft(tag, " \t\r\n"); len(tag) > 0 && (tag[0] == '"' || tag[0] == '\'') {
				count++
			}
		}
		if count > maxAttributes {
			return true
		}
	}
	return false
}

var errDirective = errors.New("a document type or entities of its own are not read")

func malformedXML(err error) error {
	var malformed *MalformedError
	if errors.As(err, &malformed) {
		return malformed
	}
	if errors.Is(err, ErrTooLarge) {
		return err
	}
	return &MalformedError{"not XML: " + strings.TrimPrefix(err.Error(), "XML syntax error ")}
}

type xmlReader struct {
	decoder *xml.Decoder
	held    int // elements and attributes
}

// element reads what stands between an element's tags.
func (r *xmlReader) element(start xml.StartElement, depth int) (any, error) {
	if depth > maxDepth {
		return nil, &MalformedError{fmt.Sprintf("not XML: nested more than %d deep", maxDepth)}
	}
	if r.held += 1 + len(start.Attr); r.held > maxValues {
		return nil, tooManyValues()
	}
	object, err := r.attributes(start)
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	for {
		token, err := r.decoder.Token()
		if errors.Is(err, io.EOF) {
			return nil, &MalformedError{"not XML: it ends too early"}
		}
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			value, err := r.element(t, depth+1)
			if err != nil {
				return nil, err
			}
			if object == nil {
				object = r.newObject()
			}
			addElement(object, t.Name.Local, value)
		case xml.CharData:
			text.Write(t)
		case xml.Directive:
			return nil, errDirective
		case xml.EndElement:
			return elementValue(object, strings.TrimSpace(text.String())), nil
		}
	}
}

// newObject makes an object only where there is something in it: most elements are
// nothing but their text.
func (r *xmlReader) newObject() map[string]any {
	r.held += objectValues
	return map[string]any{}
}

// attributes makes an object of an element's attributes, nil of none.
func (r *xmlReader) attributes(start xml.StartElement) (map[string]any, error) {
	if len(start.Attr) == 0 {
		return nil, nil
	}
	object := r.newObject()
	names := map[xml.Name]bool{}
	for _, a := range start.Attr {
		if isNamespace(a.Name) {
			continue
		}
		if names[a.Name] {
			return nil, &MalformedError{fmt.Sprintf("not XML: the attribute %s stands in <%s> twice", a.Name.Local, start.Name.Local)}
		}
		names[a.Name] = true
		name := attributeMark + a.Name.Local
		if _, taken := object[name]; !taken || a.Name.Space == "" { // type rather than xsi:type
			object[name] = a.Value
		}
	}
	return object, nil
}

func isNamespace(name xml.Name) bool { return name.Space == "xmlns" || name.Local == "xmlns" }

// addElement makes a list of elements that have the same name.
func addElement(object map[string]any, name string, value any) {
	switch before := object[name].(type) {
	case nil:
		object[name] = value
	case []any: // no element is a list by itself
		object[name] = append(before, value)
	default:
		object[name] = []any{before, value}
	}
}

func elementValue(object map[string]any, text string) any {
	switch {
	case len(object) == 0:
		return text
	case text != "":
		object[textName] = text
	}
	return object
}
