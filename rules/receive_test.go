package rules

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules/verify"
)

// A hook waits for its secret only while the file is not there, and believes
// nobody until then; afterwards the file is as one that a reference names.
func TestReceive(t *testing.T) {
	const kept = "b537207f20cbfa02357cf448134da559"
	folder := writeFiles(t, map[string]string{"hooktender.yaml": "hooks: {/a: {verify: {asana: {receive: asana-secret}}, rules: [{run: make}]}}"})
	config, file := filepath.Join(folder, "hooktender.yaml"), filepath.Join(folder, "asana-secret")
	check := func(state string, load func(string) (*Config, error), armed, believes, masked bool) {
		t.Helper()
		c, err := load(config)
		if err != nil {
			t.Fatal(state, err)
		}
		hook := c.Set.Hook("/a")
		bring := &Request{Method: http.MethodPost, Path: "/a", Header: http.Header{"X-Hook-Secret": {kept}}}
		a, err := hook.Handshake(bring, time.Now())
		if err != nil || (a != nil) != armed || a != nil && a.Keep != file {
			t.Errorf("%s: answer %v, %v; armed: %v", state, a, err, armed)
		}
		for secret, want := range map[string]bool{kept: believes, "": false} {
			event := push("{}")
			mac := hmac.New(sha256.New, []byte(secret))
			mac.Write(event.Body)
			event.Header = http.Header{"X-Hook-Signature": {hex.EncodeToString(mac.Sum(nil))}}
			if err := hook.Verify(event, time.Now()); (err == nil) != want {
				t.Errorf("%s: %v, want it believed: %v", state, err, want)
			}
		}
		if !slices.Contains(c.Files, file) {
			t.Errorf("%s: nobody watches the file: %v", state, c.Files)
		}
		if slices.Contains(c.Set.Secrets(), verify.Secret(kept)) != masked {
			t.Errorf("%s: masked: %v", state, !masked)
		}
		if !armed {
			return
		}
		standIn, event := hmac.New(sha256.New, []byte(verify.StandIn.Reveal())), push("{}")
		standIn.Write(event.Body)
		event.Header = http.Header{"X-Hook-Signature": {hex.EncodeToString(standIn.Sum(nil))}}
		if hook.Verify(event, time.Now()) == nil {
			t.Errorf("%s: what anybody can sign is believed", state)
		}
	}
	check("not there", Load, true, false, false)
	check("not there, on another machine", LoadToExplain, false, false, false)
	if err := os.WriteFile(file, []byte(kept+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	check("there", Load, false, true, true)
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(config); err == nil {
		t.Error("an empty secret is taken")
	}
}
