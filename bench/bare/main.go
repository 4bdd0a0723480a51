// Command bare is the limit that the others are measured against: net/http reads
// the body, HMAC-SHA256 proves it, and that is all. It has no rules and no hooks,
// and stores nothing. With a command behind its flags it also starts that: each
// push that is genuine starts it once, and nothing bounds how many run at once.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"io"
	"log"
	"net/http"
	"os"
	"os/exec"
	"strings"
)

const maxBody = 32 << 20

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address")
	wait := flag.Bool("wait", false, "answer with the command's output, when it has ended")
	flag.Parse()
	s := server{secret: []byte(os.Getenv("SECRET")), command: flag.Args(), wait: *wait}
	if len(s.secret) == 0 {
		log.Fatal("bare: SECRET is empty or not set")
	}
	log.Fatal(http.ListenAndServe(*listen, s))
}

type server struct {
	secret  []byte
	command []string // nothing is started if it is empty
	wait    bool
}

func (s server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if !s.genuine(body, r.Header.Get("X-Hub-Signature-256")) {
		http.Error(w, "signature does not match", http.StatusUnauthorized)
		return
	}
	if len(s.command) == 0 {
		_, _ = io.WriteString(w, "ok\n")
		return
	}
	command := exec.Command(s.command[0], s.command[1:]...)
	if !s.wait {
		go run(command)
		_, _ = io.WriteString(w, "started\n")
		return
	}
	_, _ = w.Write(run(command))
}

// genuine tells whether GitHub's signature is that of the body.
func (s server) genuine(body []byte, header string) bool {
	mac := hmac.New(sha256.New, s.secret)
	mac.Write(body)
	given, err := hex.DecodeString(strings.TrimPrefix(header, "sha256="))
	return err == nil && hmac.Equal(given, mac.Sum(nil))
}

func run(command *exec.Cmd) []byte {
	output, err := command.CombinedOutput()
	if err != nil {
		log.Print(err)
	}
	return output
}
