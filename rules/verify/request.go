package verify

import (
	"crypto/x509"
	"net/http"
	"net/url"
	"time"
)

// A Request is what a scheme may look at. It belongs to one goroutine: what is
// read from it is kept for the next question.
type Request struct {
	Method   string
	URL      string // the hook's public URL for {url}; "" when not configured
	Path     string
	RawQuery string
	Header   http.Header // with canonical names, as net/http delivers them
	Body     []byte      // the untouched bytes
	Now      time.Time   // the moment at which the request is judged
	Keys     Keys        // fetches what a scheme's key is read from; nil if nothing does

	// Peer is the chain of the certificate with which the sender of this
	// connection proved itself, leaf first; Trusted says that the connection is
	// a trusted proxy's, whose headers say what it has seen of the sender.
	Peer    []*x509.Certificate
	Trusted bool

	query url.Values
	form  *form
	json  *jsonText

	// Beliefs are handed on from one Request to another about the same event; nil
	// where there is but one.
	Beliefs *Beliefs
}

// Beliefs say which of several schemes believed a request, once one did: the
// others' places in it are whatever its sender likes. They belong to one
// goroutine.
type Beliefs struct{ by map[*combined]*Verifier }

// Unpacked returns the request with what its body holds in place of the body: not to
// be verified, but to be identified as the scheme does that believed it.
func (r *Request) Unpacked(header http.Header, body []byte) *Request {
	of := *r
	of.Header, of.Body, of.form, of.json = header, body, nil, nil
	return &of
}

func (r *Request) believe(by *combined, v *Verifier) {
	if r.Beliefs == nil {
		r.Beliefs = &Beliefs{}
	}
	if r.Beliefs.by == nil {
		r.Beliefs.by = map[*combined]*Verifier{}
	}
	r.Beliefs.by[by] = v
}

// believer is the one of several schemes that believed the request, nil for none.
func (r *Request) believer(of *combined) *Verifier {
	if r.Beliefs == nil {
		return nil
	}
	return r.Beliefs.by[of]
}

// queryValues reads what it can of the query. A broken pair elsewhere in it
// does not make a good token bad.
func (r *Request) queryValues() url.Values {
	if r.query == nil {
		r.query, _ = url.ParseQuery(r.RawQuery)
	}
	return r.query
}

func (r *Request) formValues() (url.Values, error) {
	if r.form == nil {
		r.form = readForm(r)
	}
	return r.form.values, r.form.err
}

func (r *Request) jsonRoot() jsonText {
	if r.json == nil {
		root := jsonBody(r.Body)
		r.json = &root
	}
	return *r.json
}

func (r *Request) setHeader(name, value string) {
	if r.Header == nil {
		r.Header = http.Header{}
	}
	r.Header.Set(name, value)
}

func (r *Request) setQuery(name, value string) {
	values := r.queryValues()
	values.Set(name, value)
	r.RawQuery = values.Encode()
	r.form = nil // a GET's form is its query
}

func (r *Request) setBody(body []byte) {
	r.Body, r.form, r.json = body, nil, nil
}
