package server

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/hooktender/hooktender/rules"
)

// What brings a secret is answered only when that is kept, and whatever comes of
// it, nothing of it is among the deliveries or in the log.
func TestSecretsThatHandshakesBring(t *testing.T) {
	const secret = "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl"
	hooks := `
hooks:
  /asana:   {verify: {asana: {receive: ` + t.TempDir() + `/asana}}, rules: [{run: make}]}
  /notion:  {verify: {notion: {receive: ` + t.TempDir() + `/notion}}, rules: [{run: make}]}
  /unarmed: {verify: {notion: s3cr3t}, rules: [{run: make}]}
`
	keep := func(err error) func(string, rules.Secret) error {
		return func(string, rules.Secret) error { return err }
	}
	tests := []struct {
		name    string
		path    string
		receive func(string, rules.Secret) error
		status  int
		reason  string
	}{
		{"kept", "asana", keep(nil), 200, "handshake answered: asana-x-hook-secret"},
		{"kept", "notion", keep(nil), 200, "handshake answered: notion-verification-token"},
		{"there is one", "asana", keep(fs.ErrExist), 401, "the hook has its secret"},
		{"there is one", "notion", keep(fs.ErrExist), 401, "the hook has its secret"},
		{"cannot be kept", "asana", keep(errors.New("read-only file system")), 503, "cannot be kept: read-only file system"},
		{"cannot be kept", "notion", keep(fs.ErrPermission), 503, "cannot be kept"},
		{"nobody keeps it", "notion", nil, 503, "nothing here keeps the secret"},
		{"nobody waits", "unarmed", keep(nil), 401, "no X-Notion-Signature header"},
	}
	for _, tt := range tests {
		t.Run(tt.name+"/"+tt.path, func(t *testing.T) {
			d := openPublic(t, hooks)
			d.intake.Receive = tt.receive
			header, body := []string{"X-Hook-Secret", secret}, ""
			if tt.path != "asana" {
				header, body = nil, `{"verification_token":"`+secret+`"}`
			}
			got := d.send(t, d.request(t, "POST", "/"+tt.path, body, header...))
			if got.status != tt.status {
				t.Errorf("answered %d %q, want %d", got.status, got.body, tt.status)
			}
			want := ""
			if tt.status == 200 && tt.path == "asana" {
				want = secret
			}
			if got.header.Get("X-Hook-Secret") != want {
				t.Errorf("X-Hook-Secret: %q, want %q", got.header.Get("X-Hook-Secret"), want)
			}
			if retry := got.header.Get("Retry-After"); (retry != "") != (tt.status == 503) {
				t.Errorf("Retry-After: %q", retry)
			}
			recorded, accepted, _ := d.take()
			if len(accepted) > 0 || len(recorded) != 1 || !strings.Contains(recorded[0].Reason, tt.reason) {
				t.Fatalf("recorded %v, accepted %d; want one with %q", recorded, len(accepted), tt.reason)
			}
			if r := recorded[0]; r.Body != nil || r.Size != int64(len(body)) || r.Header.Get("X-Hook-Secret") == secret {
				t.Errorf("recorded with %q, %d bytes, %v", r.Body, r.Size, r.Header)
			}
			if strings.Contains(d.log.String(), secret) {
				t.Error("the secret is in the log")
			}
		})
	}
}
