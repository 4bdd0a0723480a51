package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
)

// Limits bound how long and how much a sender may occupy a connection.
type Limits struct {
	ReadHeader time.Duration // until the header has come
	Read       time.Duration // until the body has come
	Write      time.Duration // until the answer is taken; 0 for doors that stream
	Idle       time.Duration // between two requests
	Header     int           // bytes

	Connections func() int // so many at once, as of now; nil: any number
}

// PublicLimits are those of a door that everyone can reach.
var PublicLimits = Limits{
	ReadHeader: 10 * time.Second,
	Read:       time.Minute,
	Write:      2 * time.Minute,
	Idle:       2 * time.Minute,
	Header:     64 << 10,
}

// PrivateLimits are those of a door that only the machine's own people reach.
var PrivateLimits = Limits{ReadHeader: 10 * time.Second, Read: time.Minute, Idle: 2 * time.Minute, Header: 64 << 10}

// A Door listens at one address.
type Door struct {
	name     string
	listener net.Listener
	server   *http.Server
	closing  context.Context // done from the moment that Close is called
	close    context.CancelFunc
}

// Open listens at an address: host:port, or unix:/path for a socket whose mode
// says who may use it. Call Close even if Serve was never called. The error names
// the door.
func Open(name, address string, mode os.FileMode, handler http.Handler, limits Limits, log *slog.Logger) (*Door, error) {
	listener, err := listen(address, mode)
	if err != nil {
		return nil, fmt.Errorf("open the %s door: %w", name, err)
	}
	d := &Door{name: name, listener: listener}
	d.closing, d.close = context.WithCancel(context.Background())
	d.server = &http.Server{
		Handler:           recovered(withoutBody(handler), log),
		ReadHeaderTimeout: limits.ReadHeader,
		ReadTimeout:       limits.Read,
		WriteTimeout:      limits.Write,
		IdleTimeout:       limits.Idle,
		MaxHeaderBytes:    limits.Header,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: mostStreams, WriteByteTimeout: limits.Write},
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context {
			return context.WithValue(context.Background(), closingKey{}, d.closing)
		},
		// OPTIONS * is a request like any other.
		DisableGeneralOptionsHandler: true,
	}
	var bound *connections
	if limits.Connections != nil {
		bound = newConnections(name, limits.Connections, log)
		d.server.ConnState = bound.change
	}
	d.server.ConnContext = func(ctx context.Context, c net.Conn) context.Context { return withLink(withPeer(ctx, c), bound, c) }
	return d, nil
}

// mostStreams is how many requests of an HTTP/2 connection there may be at once; more
// of them wait at the sender. Connections are what is counted at a door, so one must
// not be worth hundreds.
const mostStreams = 32

type closingKey struct{}

// closing is closed when the door that a request came through is about to
// close. A request that waits for something else to happen ends then; all others
// are left to end by themselves.
func closing(ctx context.Context) <-chan struct{} {
	door, ok := ctx.Value(closingKey{}).(context.Context)
	if !ok {
		return nil
	}
	return door.Done()
}

// recovered shows a panic as the error that it is. net/http alone would log it
// among the broken connections of strangers, where nobody looks.
func recovered(next http.Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if cause != http.ErrAbortHandler {
				log.Error("a request panicked", "method", r.Method, "path", r.URL.Path, "panic", cause, "stack", string(debug.Stack()))
			}
			panic(http.ErrAbortHandler) // cuts the connection: no answer is better than half of one
		}()
		next.ServeHTTP(w, r)
	})
}

func listen(address string, mode os.FileMode) (net.Listener, error) {
	path, ok := strings.CutPrefix(address, "unix:")
	if !ok {
		return net.Listen("tcp", address)
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	// Between bind and chmod nobody may connect, so the mode is set by the mask.
	return listenMasked(path, mode)
}

// removeStale removes a socket that a dead process left. Only a refused
// connection says so: a server with too many connections waiting lives.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSocket == 0 {
		return fmt.Errorf("%s is there and is no socket", path)
	}
	c, err := net.Dial("unix", path)
	switch {
	case err == nil:
		c.Close()
		return fmt.Errorf("%s: another server answers there", path)
	case !errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%s is there and may be another server's: %w", path, err)
	}
	return os.Remove(path)
}

// Speak makes the door speak TLS. To be called before Serve.
func (d *Door) Speak(config *tls.Config) { d.server.TLSConfig = config }

// Address is where the door listens, with the port that was really taken.
func (d *Door) Address() string {
	if d.listener.Addr().Network() == "unix" {
		return "unix:" + d.listener.Addr().String()
	}
	return d.listener.Addr().String()
}

// Serve answers until Close is called. An error means that it cannot go on.
func (d *Door) Serve() error {
	serve := d.server.Serve
	if d.server.TLSConfig != nil {
		serve = func(l net.Listener) error { return d.server.ServeTLS(l, "", "") }
	}
	if err := serve(d.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("the %s door at %s: %w", d.name, d.Address(), err)
	}
	return nil
}

// Close stops listening, lets requests under way end, and cuts them off when ctx
// ends.
func (d *Door) Close(ctx context.Context) {
	d.close()
	if d.server.Shutdown(ctx) != nil {
		d.server.Close()
	}
	d.listener.Close() // the server knows it only from Serve on
}
