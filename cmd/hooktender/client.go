package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/server"
)

// unreachableError says that no server answered.
type unreachableError struct{ error }

// A client speaks to the running server over its socket.
type client struct {
	socket string
	file   string
	http   *http.Client
}

// addClientFlags adds the flags that say which server is meant.
func addClientFlags(cmd *cobra.Command, c *client) {
	flags := cmd.PersistentFlags()
	flags.StringVar(&c.socket, "socket", "", "the server's socket (default: hooktender.sock in the state folder of the configuration)")
	flags.StringVar(&c.file, "file", "", "the configuration that says where the state folder is (default: hooktender.yaml here, or in /etc/hooktender)")
}

// connect finds the socket. Nothing is sent yet.
func (c *client) connect() error {
	if c.socket == "" {
		state, err := stateOf(c.file)
		if err != nil {
			return usageError{fmt.Errorf("find the server: %w; name its socket with --socket, or its configuration with --file", err)}
		}
		c.socket = socketPath(state)
	}
	c.http = &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", c.socket)
		},
	}}
	return nil
}

// Where a server that the system starts has its configuration and its state.
const (
	systemConfig = "/etc/hooktender"
	systemState  = "/var/lib/hooktender"
)

// stateOf is the state folder of the configuration in use. A service is told of
// its own by systemd; who asks it is not, not even as the same user.
func stateOf(file string) (string, error) {
	candidates := []string{file}
	if file == "" {
		candidates = []string{defaultFile, filepath.Join(systemConfig, defaultFile)}
	}
	for _, path := range candidates {
		if _, err := os.Stat(path); err != nil && file == "" {
			continue
		}
		folder, named, err := rules.StateFolder(path)
		if err == nil && !named && strings.HasPrefix(path, systemConfig) && os.Getenv("STATE_DIRECTORY") == "" && exists(systemState) {
			folder = systemState
		}
		return folder, err
	}
	return "", fmt.Errorf("there is no %s here and none in /etc/hooktender", defaultFile)
}

// get asks for path and decodes the JSON that comes into v.
func (c *client) get(ctx context.Context, path string, query url.Values, v any) error {
	return c.call(ctx, http.MethodGet, path, query, v)
}

// post has something done, and decodes what the server says of it into v.
func (c *client) post(ctx context.Context, path string, query url.Values, v any) error {
	return c.call(ctx, http.MethodPost, path, query, v)
}

func (c *client) call(ctx context.Context, method, path string, query url.Values, v any) error {
	body, err := c.open(ctx, method, path, query)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(body).Decode(v); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	return nil
}

// open returns the body of a good answer. A bad one is an error with what the
// server said.
func (c *client) open(ctx context.Context, method, path string, query url.Values) (io.ReadCloser, error) {
	if err := c.connect(); err != nil {
		return nil, err
	}
	u := url.URL{Scheme: "http", Host: "hooktender", Path: path, RawQuery: query.Encode()}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
	if err != nil {
		return nil, err
	}
	if person := os.Getenv("SUDO_USER"); person != "" {
		req.Header.Set(server.ForHeader, person)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		var urlErr *url.Error
		if errors.As(err, &urlErr) {
			err = urlErr.Err
		}
		if errors.Is(err, fs.ErrPermission) {
			return nil, unreachableError{fmt.Errorf("you may not use %s: %w; do it as the server's user, with sudo -u", c.socket, err)}
		}
		return nil, unreachableError{fmt.Errorf("the server cannot be reached at %s: %w; is it running?", c.socket, err)}
	}
	if resp.StatusCode < 300 {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusBadRequest {
		return nil, usageError{refusal(resp)}
	}
	return nil, refusal(resp)
}

func refusal(resp *http.Response) error {
	var said struct {
		Error    string         `json:"error"`
		Problems rules.Problems `json:"problems"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&said); err != nil || said.Error == "" {
		return fmt.Errorf("the server answered %s", resp.Status)
	}
	if len(said.Problems) > 0 {
		return said.Problems
	}
	return errors.New(said.Error)
}
