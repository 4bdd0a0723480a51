package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const receiving = `
hooks:
  /asana:   {verify: {asana: {receive: asana-secret}}, rules: [{name: r, run: "true"}]}
  /notion:  {verify: {notion: {receive: notion-secret}}, rules: [{name: r, run: "true"}]}
  /nowhere: {verify: {asana: {receive: gone/asana-secret}}, rules: [{name: r, run: "true"}]}
`

// bringer is how a provider brings its secret, and how it signs then.
type bringer struct {
	hook, secret string
	header, body string // of the first request
	again        string // the same with another secret
	signature    string // the header, up to the HMAC
}

var bringers = []bringer{
	{"asana", "b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81", "X-Hook-Secret: b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81", "",
		"X-Hook-Secret: 0037207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81", "X-Hook-Signature: "},
	{"notion", "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl", "", `{"verification_token":"secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl"}`,
		`{"verification_token":"secret_0000000000000000000000000000000000000000000"}`, "X-Notion-Signature: sha256="},
}

// first is the request that brings the secret, second another one of its kind.
func (b bringer) first() (header, body string) { return b.header, b.body }

func (b bringer) second() (header, body string) {
	if b.header != "" {
		return b.again, ""
	}
	return "", b.again
}

func (b bringer) event(body string) (header, _ string) {
	mac := hmac.New(sha256.New, []byte(b.secret))
	mac.Write([]byte(body))
	return b.signature + hex.EncodeToString(mac.Sum(nil)), body
}

// listen runs a server whose log the test reads.
func listen(t *testing.T, config, state string) (b *background, address string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "serve", config, "--listen", "127.0.0.1:0", "--console", "off", "--state", state)
	cmd.Env = append(os.Environ(), asHooktender+"=1")
	b, err := startBackground(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-b.done })
	m, err := b.until(servingLine)
	if err != nil {
		t.Fatal(err)
	}
	return b, m[1]
}

// end stops the server and returns all that it said.
func (b *background) end(t *testing.T) string {
	t.Helper()
	if err := b.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for line := range b.lines {
		b.seen = append(b.seen, line)
	}
	return strings.Join(b.seen, "\n")
}

func posted(t *testing.T, url, header, body string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if name, value, ok := strings.Cut(header, ": "); ok {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp
}

// A hook that waits for its secret takes it once, keeps it and believes by it,
// without a restart and after one.
func TestSecretsThatProvidersBring(t *testing.T) {
	t.Parallel()
	config, state := writeConfig(t, receiving), t.TempDir()
	server, address := listen(t, config, state)
	post := func(b bringer, what string, want int, header, body string) *http.Response {
		t.Helper()
		resp := posted(t, "http://"+address+"/"+b.hook, header, body)
		if resp.StatusCode != want {
			t.Errorf("%s, %s: %s, want %d", b.hook, what, resp.Status, want)
		}
		return resp
	}
	send := func(b bringer, what string, want int, of func() (header, body string)) *http.Response {
		t.Helper()
		header, body := of()
		return post(b, what, want, header, body)
	}
	id := 0
	event := func(b bringer) func() (string, string) {
		id++ // or it would be a duplicate
		return func() (string, string) { return b.event(fmt.Sprintf(`{"id":"%d","type":"x"}`, id)) }
	}
	for _, b := range bringers {
		send(b, "an event before the secret", 401, event(b))
		resp := send(b, "the secret", 200, b.first)
		if name, value, ok := strings.Cut(b.header, ": "); ok && resp.Header.Get(name) != value {
			t.Errorf("%s: %s is %q in the answer", b.hook, name, resp.Header.Get(name))
		}
		if _, err := server.until(regexp.MustCompile(`level=WARN msg="the hook's secret has arrived.*hook=/` + b.hook + ` .*remote_ip=127.0.0.1 file=/.*/` + b.hook + `-secret`)); err != nil {
			t.Error(err)
		}
		file := filepath.Join(filepath.Dir(config), b.hook+"-secret")
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if kept, err := os.ReadFile(file); string(kept) != b.secret+"\n" || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: the file holds %q, %v, mode %v", b.hook, kept, err, info.Mode())
		}
		send(b, "an event", 202, event(b))
		send(b, "a second secret", 401, b.second)
		send(b, "the same again", 401, b.first)
		send(b, "an event afterwards", 202, event(b))
	}
	resp := send(bringer{hook: "nowhere"}, "the secret", 503, bringers[0].first)
	if got := resp.Header.Get("X-Hook-Secret"); got != "" {
		t.Errorf("a secret that is not kept is answered %q", got)
	}
	log := server.end(t)

	server, address = listen(t, config, state)
	for _, b := range bringers {
		send(b, "an event after a restart", 202, event(b))
		send(b, "a second secret after a restart", 401, b.second)
	}
	log += server.end(t)

	for _, b := range bringers {
		header, body := b.second()
		_, other, _ := strings.Cut(header, ": ")
		for _, secret := range []string{b.secret, other + strings.TrimSuffix(strings.TrimPrefix(body, `{"verification_token":"`), `"}`)} {
			if strings.Contains(log, secret) {
				t.Errorf("%s: the log holds the secret", b.hook)
			}
			if file := fileWith(t, state, secret); file != "" {
				t.Errorf("%s: %s holds the secret", b.hook, file)
			}
		}
	}
}

// fileWith is a file below a folder that holds a text.
func fileWith(t *testing.T, dir, text string) (found string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.Contains(string(data), text) {
			found = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// A file that is there is never changed, be it a link that leads nowhere.
func TestKeepSecret(t *testing.T) {
	dir := t.TempDir()
	there, link := filepath.Join(dir, "there"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(there, []byte("old"), 0o600), os.Symlink(filepath.Join(dir, "nothing"), link)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		filepath.Join(dir, "new"): nil, there: fs.ErrExist, link: fs.ErrExist,
		filepath.Join(dir, "gone", "x"): fs.ErrNotExist,
	} {
		if err := keepSecret(path, "0123456789abcdef"); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
	if old, err := os.ReadFile(there); string(old) != "old" {
		t.Errorf("the file is now %q, %v", old, err)
	}
	if entries, err := os.ReadDir(dir); len(entries) != 3 {
		t.Errorf("%v, %v; want new, there, link", entries, err)
	}
}
