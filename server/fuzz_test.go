package server

import (
	"bufio"
	"crypto/hmac"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
)

// FuzzIntake throws arbitrary bytes at the public door. Whatever they are, it
// answers, and never with 2xx unless the signature is right.
func FuzzIntake(f *testing.F) {
	const head = "POST /github HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
	const seed = "X-Hub-Signature-256: sha256="
	for _, raw := range []string{
		head + seed + hmacHex(theSecret, mainPush) + "\r\nContent-Length: 25\r\n\r\n" + mainPush,
		head + seed + hmacHex("wrong", mainPush) + "\r\nContent-Length: 25\r\n\r\n" + mainPush,
		head + seed + hmacHex(theSecret, "") + "\r\n\r\n",
		head + seed + "\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		head + "Content-Length: 99999999999\r\n\r\n{",
		"GET //github?a=%zz HTTP/1.0\r\n\r\n",
		"CONNECT github:80 HTTP/1.1\r\nHost: x\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /..%2fgithub HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /x/a/b/c HTTP/1.1\r\nHost: x\r\nX-Token: " + theSecret + "\r\nX-Forwarded-For: ::1%25,,\r\n\r\n",
		"POST /x/a HTTP/1.1\r\nHost: x\r\nX-Token: \r\nContent-Type: multipart/form-data; boundary=\"\r\n\r\n",
	} {
		f.Add(raw)
	}
	config := load(f, `
server: {max_body: 64KiB, trusted_proxies: [192.0.2.1]}
hooks:
  /github:
    verify: {github: `+theSecret+`}
    rules: [{name: r, when: 'ref != nil && request.query.a != "b"', run: 'true "$A"', env: {A: "{{ head_commit.id }}"}}]
  /x/*rest:
    verify: {token: {header: X-Token, secret: `+theSecret+`}}
    methods: [GET, POST, PUT]
    rules: [{name: r, run: "true"}]
`)
	f.Fuzz(func(t *testing.T, raw string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
		if err != nil {
			t.Skip()
		}
		r.RemoteAddr = "192.0.2.1:4711"
		var read strings.Builder
		r.Body = io.NopCloser(io.TeeReader(r.Body, &read))
		signature, token := r.Header.Get("X-Hub-Signature-256"), r.Header.Get("X-Token")

		fake := newFakeIntake(t)
		in := NewIntake(fake, fake, slog.New(slog.DiscardHandler))
		in.Use(config)
		w := newRecorder()
		in.ServeHTTP(w, r)

		proven := token == theSecret || hmac.Equal([]byte(strings.ToLower(signature)), []byte(githubSignature(theSecret, read.String())))
		_, accepted, enqueued := fake.take()
		if (w.Code < 400 || len(accepted)+len(enqueued) > 0) && !proven {
			t.Errorf("answered %d, %d accepted without proof", w.Code, len(accepted))
		}
		if w.Code < 200 || w.Code >= 300 && w.Code < 400 || w.Code >= 500 {
			t.Errorf("answered %d %s", w.Code, w.Body)
		}
	})
}
