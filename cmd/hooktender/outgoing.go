package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hooktender/hooktender/rules/verify"
	"github.com/hooktender/hooktender/server"
)

const (
	typeJSON = "application/json"
	typeForm = "application/x-www-form-urlencoded"
)

// outgoing is a request as a provider would send it.
type outgoing struct {
	provider    string
	event       string // to be written where the provider writes it; "" if it stands there already
	url         string
	publicURL   string // the receiver's server.public_url; "": the URL is what is signed
	secret      verify.Secret
	params      map[string]string
	headers     http.Header // that the caller wants, in place of others
	contentType string      // "" means JSON
	body        []byte
}

// fill takes the body: that of a file, or a recorded one.
func (o *outgoing) fill(cmd *cobra.Command, scheme verify.Scheme, event, file string) error {
	if file == "" {
		return o.record(scheme, event)
	}
	body, err := readFile(cmd, file)
	if err != nil {
		return fmt.Errorf("--payload: %w", err)
	}
	o.take(scheme, event, file, body)
	return nil
}

// record takes the recorded delivery of that name, or the default one. A provider
// of which nothing is recorded sends as little as possible.
func (o *outgoing) record(scheme verify.Scheme, name string) error {
	r := recordedOf(o.provider)
	if r.files == nil {
		o.event, o.contentType, o.body = name, typeJSON, []byte("{}")
		if field, isForm := strings.CutPrefix(scheme.Content, "form"); isForm {
			field, _, _ = strings.Cut(strings.TrimPrefix(field, ":"), "|")
			o.contentType, o.body = typeForm, []byte(cmp.Or(field, "payload")+"=%7B%7D")
		}
		return nil
	}
	known, ok := r.find(name)
	if !ok {
		return fmt.Errorf("no delivery %q of %s is recorded; recorded are %s; for another give --payload FILE",
			name, o.provider, strings.Join(r.names(), ", "))
	}
	o.event = r.event(scheme, known)
	if err := o.load(known); err != nil {
		return err
	}
	return o.renew()
}

// load takes a recorded delivery as it is.
func (o *outgoing) load(name string) (err error) {
	file := recordedOf(o.provider).files[name]
	o.contentType = bodyType(file)
	o.body, err = payloads.ReadFile(file)
	return err
}

// take takes the body of a file, for an event that may be none.
func (o *outgoing) take(scheme verify.Scheme, event, file string, body []byte) {
	o.event, o.contentType, o.body = event, bodyType(file), body
	if path.Ext(file) != ".json" && strings.Contains(scheme.Content, "form") && !json.Valid(body) {
		o.contentType = typeForm
	}
	if o.sendsForm() { // the line break of an editor would belong to the last field
		o.body = bytes.TrimRight(body, "\r\n")
	}
	r := recordedOf(o.provider)
	if name, ok := r.find(event); ok && event != "" {
		o.event = cmp.Or(r.event(scheme, name), event)
	}
}

// bodyType is the content type of a file's body.
func bodyType(file string) string {
	if path.Ext(file) == ".form" {
		return typeForm
	}
	return typeJSON
}

func isForm(contentType string) bool { return strings.HasPrefix(contentType, typeForm) }

func (o *outgoing) sendsForm() bool { return isForm(o.header().Get("Content-Type")) }

// renew gives the body a delivery id of its own if that is where ids stand: the
// same one twice is a duplicate.
func (o *outgoing) renew() error {
	signer, err := o.signer()
	if err != nil {
		return err
	}
	r := &verify.Request{Method: http.MethodPost, Header: http.Header{"Content-Type": {o.contentType}}, Body: o.body}
	if _, id := signer.Identify(r); id != "" {
		o.body = bytes.ReplaceAll(o.body, []byte(id), []byte(newDigits(id)))
	}
	return nil
}

// newDigits changes the digits of an id, except for the first letter, which in a
// number must not be zero.
func newDigits(id string) string {
	b := []byte(id)
	for i := 1; i < len(b); i++ {
		if '0' <= b[i] && b[i] <= '9' {
			b[i] = '0' + byte(rand.IntN(10))
		}
	}
	return string(b)
}

// signer is the provider's scheme with the secret.
func (o *outgoing) signer() (*verify.Verifier, error) {
	scheme, ok := verify.Preset(o.provider)
	if !ok {
		_, err := findProvider(o.provider)
		return nil, err
	}
	params, secret := o.params, o.secret
	if params == nil {
		params = map[string]string{}
	}
	if scheme.Type == "basic" {
		user, password, _ := strings.Cut(o.secret.Reveal(), ":")
		params["user"], secret = user, verify.Secret(password)
	}
	scheme.Public = scheme.TakesEither() && strings.HasPrefix(secret.Reveal(), "-----BEGIN")
	signer, err := scheme.Compile([]verify.Secret{secret}, params)
	if err != nil {
		return nil, fmt.Errorf("--secret: %w", err)
	}
	return signer, nil
}

// request makes the signed request.
func (o *outgoing) request(ctx context.Context) (*http.Request, error) {
	signer, err := o.signer()
	if err != nil {
		return nil, usageError{err}
	}
	u, err := url.Parse(o.url)
	if err != nil || u.Host == "" {
		return nil, usageError{fmt.Errorf("--to: %q is not a URL like http://127.0.0.1:9000/github", o.url)}
	}
	signed := &verify.Request{Method: http.MethodPost, URL: o.url, Path: u.Path, RawQuery: u.RawQuery,
		Header: o.header(), Body: o.body, Now: time.Now()}
	if o.publicURL != "" {
		signed.URL = strings.TrimSuffix(o.publicURL, "/") + u.RequestURI()
	}
	if o.event != "" {
		if err := signer.SetEvent(signed, o.event); err != nil {
			return nil, usageError{err}
		}
	}
	if err := signer.Sign(signed); err != nil {
		return nil, fmt.Errorf("sign the request: %w", err)
	}
	u.RawQuery = signed.RawQuery
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(signed.Body))
	if err != nil {
		return nil, err
	}
	req.Header = signed.Header
	if run := os.Getenv("HOOKTENDER_RUN"); run != "" {
		req.Header.Set(server.RunHeader, run) // who sends from a script says so, and a loop is found
	}
	return req, nil
}

// header is what the request has besides what proves the sender.
func (o *outgoing) header() http.Header {
	h := http.Header{"User-Agent": {"hooktender/" + versionText()}, "Content-Type": {cmp.Or(o.contentType, typeJSON)}}
	for name, value := range recordedOf(o.provider).Headers {
		h.Set(name, value)
	}
	for name, values := range o.headers {
		h[name] = values
	}
	return h
}

// sendWithin is how long the receiver may take.
const sendWithin = time.Minute

// send returns the answer's status and body.
func (o *outgoing) send(ctx context.Context) (status string, good bool, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, sendWithin)
	defer cancel()
	req, err := o.request(ctx)
	if err != nil {
		return "", false, nil, err
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		var urlErr *url.Error
		if errors.As(err, &urlErr) { // its text has the URL, which may hold the secret
			err = urlErr.Err
		}
		return "", false, nil, unreachableError{fmt.Errorf("the receiver cannot be reached: %w", err)}
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp.Status, resp.StatusCode/100 == 2, body, err
}
