package rules

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"mime/multipart"
	"unicode/utf8"
)

// maxFormParts bounds the parts of a multipart body.
const maxFormParts = 1000

// A File is one that came in a multipart body.
type File struct {
	Field string // of the form
	Name  string // as the sender calls it, which may be anything: never a path to write to
	Type  string // the Content-Type that the sender says
	Data  []byte
}

// readMultipart makes an object of a multipart form as readForm does. A file is
// {"filename", "content_type", "size"}; its bytes are for the script.
func readMultipart(contentType string, body []byte) (any, error) {
	var fields formObject
	values := map[string][]any{}
	var names []string // in the order in which they came
	for part, err := range parts(contentType, body) {
		if err != nil {
			return nil, err
		}
		value := any(string(part.Data))
		if part.isFile {
			value = map[string]any{"filename": part.Name, "content_type": part.Type, "size": len(part.Data)}
		} else if !utf8.Valid(part.Data) {
			return nil, &MalformedError{fmt.Sprintf("the field %q of the form is not valid UTF-8", part.Field)}
		}
		if values[part.Field] == nil {
			names = append(names, part.Field)
		}
		values[part.Field] = append(values[part.Field], value)
	}
	for _, name := range names {
		if err := fields.set(name, values[name]); err != nil {
			return nil, err
		}
	}
	return fields.object(), nil
}

// files is the Content-Type of a request that came with files, otherwise "".
func (h *Hook) files(r *Request) string {
	if h.content != contentAuto || len(r.Body) == 0 {
		return ""
	}
	if kind, err := contentOf(r.Header); err != nil || kind != contentMultipart {
		return ""
	}
	contentType := r.Header.Get("Content-Type")
	for range Files(contentType, r.Body) {
		return contentType
	}
	return ""
}

// Files ranges over the files in a multipart body, in their order. The error is a
// *MalformedError.
func Files(contentType string, body []byte) iter.Seq2[File, error] {
	return func(yield func(File, error) bool) {
		for part, err := range parts(contentType, body) {
			if (err != nil || part.isFile) && !yield(part.File, err) {
				return
			}
		}
	}
}

type part struct {
	File
	isFile bool
}

// parts reads a multipart body (RFC 7578). After an error it ends.
func parts(contentType string, body []byte) iter.Seq2[part, error] {
	return func(yield func(part, error) bool) {
		_, params, err := mime.ParseMediaType(contentType)
		if err != nil || params["boundary"] == "" {
			yield(part{}, &MalformedError{"the form's Content-Type names no boundary"})
			return
		}
		if !bytes.Contains(body, []byte("--"+params["boundary"])) {
			yield(part{}, &MalformedError{"the form cannot be read: it has no part, and no end"})
			return
		}
		reader := multipart.NewReader(bytes.NewReader(body), params["boundary"])
		for count := 0; ; count++ {
			p, err := readPart(reader)
			if errors.Is(err, io.EOF) {
				return
			}
			if err == nil && count == maxFormParts {
				err = fmt.Errorf("it has more than %d parts", maxFormParts)
			}
			if err != nil {
				yield(part{}, &MalformedError{"the form cannot be read: " + err.Error()})
				return
			}
			if !yield(p, nil) {
				return
			}
		}
	}
}

func readPart(reader *multipart.Reader) (part, error) {
	p, err := reader.NextRawPart() // as it is: some senders say quoted-printable and mean nothing by it
	if err != nil {
		return part{}, err
	}
	data, err := io.ReadAll(p)
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return part{}, err
	}
	if p.FormName() == "" || !utf8.ValidString(p.FormName()) || !utf8.ValidString(p.FileName()) {
		return part{}, errors.New("a part has no name, or none in UTF-8")
	}
	_, params, _ := mime.ParseMediaType(p.Header.Get("Content-Disposition"))
	_, named := params["filename"] // browsers send an empty one where no file was chosen
	return part{
		File:   File{Field: p.FormName(), Name: p.FileName(), Type: p.Header.Get("Content-Type"), Data: data},
		isFile: named,
	}, nil
}
