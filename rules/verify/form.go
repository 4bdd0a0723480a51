package verify

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const urlencoded = "application/x-www-form-urlencoded"

// maxFields and maxParts bound what is read of a form before anything is proven.
const maxFields, maxParts = 10_000, 1000

// A form is what a body holds in fields, or why it could not be read. One field
// that cannot be read spoils the whole: a signature over half a form is none.
type form struct {
	values url.Values
	files  bool // it came with some, of which no field speaks
	err    error
}

// readForm reads a body as the form that its Content-Type says, and no other: who
// may choose how it is read chooses what is read. Of a packed body it reads nothing:
// the bytes around what is packed may spell a form, and what the rules read is the
// one within.
func readForm(r *Request) *form {
	if len(r.Body) > 0 && isPacked(r.Header) {
		return &form{err: reject("the body is packed (Content-Encoding), so that its fields cannot be what is signed")}
	}
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	var f form
	switch {
	case queryIsForm(r):
		f.values, f.err = readFields(r.RawQuery)
	case len(r.Body) == 0:
		f.values = url.Values{}
	case err != nil || mediaType != urlencoded && mediaType != "multipart/form-data":
		return &form{err: reject("the body is no form: its Content-Type is not %s", urlencoded)}
	case mediaType == urlencoded:
		f.values, f.err = readFields(string(r.Body))
	default:
		f.values, f.files, f.err = readMultipart(r.Body, params["boundary"])
	}
	if f.err != nil {
		return &form{err: reject("form cannot be read")}
	}
	return &f
}

// isPacked tells whether a header says that the body is not read as it is.
func isPacked(h http.Header) bool {
	return slices.ContainsFunc(h.Values("Content-Encoding"), func(encoding string) bool {
		return encoding != "" && !strings.EqualFold(encoding, "identity")
	})
}

func readFields(text string) (url.Values, error) {
	if strings.Count(text, "&") >= maxFields {
		return nil, errManyFields
	}
	return url.ParseQuery(text)
}

var errManyFields = errors.New("too many fields")

// isForm reports whether the message is a form rather than the plain body.
func isForm(r *Request) bool {
	return mediaType(r) == urlencoded || queryIsForm(r)
}

// mediaType is what the Content-Type header says, "" for nothing that can be read.
func mediaType(r *Request) string {
	said := r.Header.Get("Content-Type")
	if said == "application/json" { // as nearly all do, several times a request
		return said
	}
	media, _, _ := mime.ParseMediaType(said)
	return media
}

// BeginsAsJSON reports whether a body begins as an object or array in JSON, which
// none begins as that is a form: of these two it tells which one a body is, without
// a header that may say anything.
func BeginsAsJSON(body []byte) bool {
	body = bytes.TrimLeft(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), " \t\r\n")
	return len(body) > 0 && (body[0] == '{' || body[0] == '[')
}

// asSigned is the request with the Content-Type that its bytes have, where these are
// what is signed and the header is not: whoever resends them under another one must
// not take their id from them. Parts of a form are left as they are.
func asSigned(r *Request) *Request {
	media, isJSON := mediaType(r), BeginsAsJSON(r.Body)
	switch isParts := bytes.HasPrefix(r.Body, []byte("--")); {
	case len(r.Body) == 0 || isParts:
		return r
	case isJSON && media != urlencoded && media != "multipart/form-data":
		return r
	case !isJSON && media == urlencoded:
		return r
	}
	of := *r
	of.Header, of.form = r.Header.Clone(), nil
	of.setHeader("Content-Type", urlencoded)
	if isJSON {
		of.setHeader("Content-Type", "application/json")
	}
	return &of
}

// queryIsForm reports whether the form is in the query, where HTML puts that of
// a GET, and Gitea its payload.
func queryIsForm(r *Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && len(r.Body) == 0 && r.RawQuery != ""
}

// readMultipart reads the plain fields of a multipart form as they are: what is
// quoted-printable stays so, as it does for the rules. Files are skipped.
func readMultipart(body []byte, boundary string) (values url.Values, files bool, err error) {
	if boundary == "" {
		return nil, false, errors.New("no boundary")
	}
	values, last := url.Values{}, []byte("--"+boundary+"--")
	for reader, count := multipart.NewReader(bytes.NewReader(body), boundary), 0; ; count++ {
		part, err := reader.NextRawPart()
		if err == io.EOF && bytes.Contains(body, last) { // it is also what a cut-off header yields
			return values, files, nil
		}
		if err == nil && count == maxParts {
			err = errManyFields
		}
		if err != nil {
			return nil, false, err
		}
		isFile, err := addField(values, part)
		if err != nil {
			return nil, false, err
		}
		files = files || isFile
	}
}

func addField(values url.Values, part *multipart.Part) (isFile bool, err error) {
	_, params, _ := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	if _, isFile = params["filename"]; isFile || part.FormName() == "" {
		return isFile, nil
	}
	text, err := io.ReadAll(part)
	if err == nil {
		values.Add(part.FormName(), string(text))
	}
	return false, err
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
