package verify

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
)

// maxParts bounds the parts of a multipart body. Fields of other forms are bounded by
// net/url.
const maxParts = 1000

const urlencoded = "application/x-www-form-urlencoded"

// A form is what a body holds in fields, or why it could not be read. One field
// that cannot be read spoils the whole: a signature over half a form is none.
type form struct {
	values url.Values
	err    error
}

func readForm(r *Request) *form {
	mediaType, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	var f form
	switch {
	case queryIsForm(r):
		f.values, f.err = url.ParseQuery(r.RawQuery)
	case mediaType == "multipart/form-data":
		f.values, f.err = readMultipart(r.Body, params["boundary"])
	default:
		f.values, f.err = url.ParseQuery(string(r.Body))
	}
	if f.err != nil {
		return &form{err: reject("form cannot be read")}
	}
	return &f
}

// isForm reports whether the message is a form rather than the plain body.
func isForm(r *Request) bool {
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return mediaType == urlencoded || queryIsForm(r)
}

// queryIsForm reports whether the form is in the query, where HTML puts that of
// a GET, and Gitea its payload.
func queryIsForm(r *Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && len(r.Body) == 0 && r.RawQuery != ""
}

// readMultipart reads the plain fields of a multipart form. Files are skipped:
// no signature speaks of them.
func readMultipart(body []byte, boundary string) (url.Values, error) {
	if boundary == "" {
		return nil, errors.New("no boundary")
	}
	values, last := url.Values{}, []byte("--"+boundary+"--")
	reader := multipart.NewReader(bytes.NewReader(body), boundary)
	for count := 0; ; count++ {
		part, err := reader.NextPart()
		if err == io.EOF && bytes.Contains(body, last) { // it is also what a cut-off header yields
			return values, nil
		}
		if err != nil {
			return nil, err
		}
		if count == maxParts {
			return nil, errors.New("too many parts")
		}
		if err := addField(values, part); err != nil {
			return nil, err
		}
	}
}

func addField(values url.Values, part *multipart.Part) error {
	if part.FileName() != "" || part.FormName() == "" {
		return nil
	}
	text, err := io.ReadAll(part)
	if err != nil {
		return err
	}
	values.Add(part.FormName(), string(text))
	return nil
}

func setFormField(r *Request, name, value string) error {
	values, err := r.formValues()
	if err != nil {
		return err
	}
	values.Set(name, value)
	r.setHeader("Content-Type", urlencoded)
	r.setBody([]byte(values.Encode()))
	return nil
}
