package server

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

// A body that breaks off is not taken for a shorter one, however it is sent.
func TestBodyThatBreaksOff(t *testing.T) {
	for name, body := range map[string]string{
		"with a length": "Content-Length: 100\r\n\r\nhello",
		"in chunks":     "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
		"in a chunk":    "Transfer-Encoding: chunked\r\n\r\n50\r\nhello",
	} {
		t.Run(name, func(t *testing.T) {
			d := openPublic(t, contractYAML)
			c, err := net.Dial("tcp", strings.TrimPrefix(d.server.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			fmt.Fprintf(c, "POST /open HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n%s", body)
			if err := c.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			got, _ := io.ReadAll(c)
			recorded, accepted, _ := d.take()
			if len(accepted) > 0 || len(recorded) != 1 || strings.Contains(string(got), " 202 ") {
				t.Errorf("accepted %d, recorded %d, answered %q", len(accepted), len(recorded), got)
			}
		})
	}
}
