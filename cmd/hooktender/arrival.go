package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hooktender/hooktender/rules"
)

// An arrival is the request that try is to judge.
type arrival struct {
	request *rules.Request
	now     time.Time
	whole   bool // as it was sent: what it lacks, it lacks
}

// arrival reads the request from where the flags say.
func (o *tryOptions) arrival(cmd *cobra.Command) (*arrival, error) {
	switch {
	case o.delivery != 0:
		return o.stored(cmd)
	case o.request != "":
		data, err := readFile(cmd, o.request)
		if err != nil {
			return nil, fmt.Errorf("--request: %w", err)
		}
		r, err := parseRequest(data)
		if err != nil {
			return nil, usageError{fmt.Errorf("--request: %s: %w", o.request, err)}
		}
		return &arrival{request: r, now: time.Now(), whole: true}, nil
	}
	return o.madeUp(cmd)
}

func readFile(cmd *cobra.Command, path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(cmd.InOrStdin())
	}
	return os.ReadFile(path)
}

// madeUp is a request put together of flags.
func (o *tryOptions) madeUp(cmd *cobra.Command) (*arrival, error) {
	u, err := url.Parse(o.hook)
	if err != nil || !strings.HasPrefix(u.Path, "/") && !strings.HasPrefix(u.Path, "watch/") {
		return nil, usageError{fmt.Errorf("%q is neither a hook's path like /github/website nor watch/NAME", o.hook)}
	}
	r := &rules.Request{Path: u.Path, Method: strings.ToUpper(o.method), RawQuery: u.RawQuery}
	if o.query != "" {
		r.RawQuery = strings.TrimPrefix(o.query, "?")
	}
	if r.Header, err = readHeaders(o.headers); err != nil {
		return nil, usageError{err}
	}
	if o.payload != "" {
		if r.Body, err = readFile(cmd, o.payload); err != nil {
			return nil, fmt.Errorf("--payload: %w", err)
		}
	}
	assume(r, bodyType(o.payload))
	return &arrival{request: r, now: time.Now()}, nil
}

// assume says of a body what it is, if nothing else is said of that.
func assume(r *rules.Request, contentType string) {
	if len(r.Body) > 0 && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", contentType)
	}
}

// readHeaders reads flags like 'X-Token: abc'.
func readHeaders(list []string) (http.Header, error) {
	headers := http.Header{}
	for _, h := range list {
		name, value, ok := strings.Cut(h, ":")
		if name = textproto.TrimString(name); !ok || name == "" {
			return nil, fmt.Errorf("--header: %q is not a header like 'X-Token: abc'", name)
		}
		headers.Add(name, textproto.TrimString(value))
	}
	return headers, nil
}

// parseRequest reads an HTTP/1 request as somebody has recorded it: a body without
// a length goes on to the end of the file, and what follows a body with one, such
// as a line break of the editor, is not part of it.
func parseRequest(data []byte) (*rules.Request, error) {
	reader := bufio.NewReader(bytes.NewReader(data))
	req, err := http.ReadRequest(reader)
	if err != nil {
		return nil, fmt.Errorf("it does not begin with a request line and headers, as in POST /github HTTP/1.1: %w", err)
	}
	defer req.Body.Close()
	r := &rules.Request{Method: req.Method, Path: req.URL.Path, RawQuery: req.URL.RawQuery, Header: req.Header}
	switch {
	case len(req.TransferEncoding) > 0:
		r.Body, err = io.ReadAll(req.Body)
	case req.ContentLength > 0:
		r.Body, err = io.ReadAll(req.Body)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("the body ends after %d bytes, but Content-Length says %d", len(r.Body), req.ContentLength)
		}
	case req.Header.Get("Content-Length") == "":
		r.Body, err = io.ReadAll(reader)
	}
	if err != nil {
		return nil, fmt.Errorf("read the body: %w", err)
	}
	return r, nil
}

// stored is a delivery of the running server.
func (o *tryOptions) stored(cmd *cobra.Command) (*arrival, error) {
	return o.server().arrival(cmd.Context(), o.delivery)
}

// arrival is a delivery that the server has stored.
func (c *client) arrival(ctx context.Context, id int64) (*arrival, error) {
	path := fmt.Sprintf("/api/deliveries/%d", id)
	var raw json.RawMessage
	if err := c.get(ctx, path, nil, &raw); err != nil {
		return nil, err
	}
	var d rules.Delivery
	if err := json.Unmarshal(raw, &d); err != nil {
		return nil, fmt.Errorf("read the server's answer: %w", err)
	}
	stream, err := c.open(ctx, http.MethodGet, path+"/body", nil)
	if err != nil {
		return nil, fmt.Errorf("delivery %d: %w", id, err)
	}
	defer stream.Close()
	body, err := io.ReadAll(stream)
	if err != nil {
		return nil, fmt.Errorf("read the body of delivery %d: %w", id, err)
	}
	r := d.Request(body)
	return &arrival{request: r, now: r.ReceivedAt, whole: true}, nil
}

// server is the one whose delivery it is: the one whose state folder the file
// names, or else, for a changed file that lies elsewhere, the usual one.
func (o *tryOptions) server() *client { return serverOf(o.socket, o.file) }

func serverOf(socket, file string) *client {
	c := &client{socket: socket, file: file}
	if c.socket == "" && c.file != "" {
		if state, err := stateOf(c.file); err != nil || !exists(socketPath(state)) {
			if state, err := stateOf(""); err == nil && exists(socketPath(state)) {
				c.file = ""
			}
		}
	}
	return c
}
