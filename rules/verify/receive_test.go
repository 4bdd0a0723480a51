package verify

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

const (
	asanaSecret = "b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81"
	notionToken = "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl"
)

// A secret is taken from a handshake that the operator waits for, and from
// nothing else.
func TestSecretsThatHandshakesBring(t *testing.T) {
	token := func(s string) string { return `{"verification_token":"` + s + `"}` }
	tests := []struct {
		name, preset string
		secret, body string // of the header X-Hook-Secret
		signature    string // of the header X-Hook-Signature
		want         string // the secret
		withheld     bool   // the body is not to be kept
		reason       string
	}{
		{"Asana's", "asana", asanaSecret, "", "", asanaSecret, true, ""},
		{"Asana's shortest", "asana", asanaSecret[:16], "", "", asanaSecret[:16], true, ""},
		{"Asana's longest", "asana", strings.Repeat("a", 512), "", "", strings.Repeat("a", 512), true, ""},
		{"too short", "asana", asanaSecret[:15], "", "", "", true, "no secret of the provider's"},
		{"too long", "asana", strings.Repeat("a", 513), "", "", "", true, "no secret of the provider's"},
		{"no plain text", "asana", asanaSecret + "\u00e9", "", "", "", true, "no secret of the provider's"},
		{"two words", "asana", asanaSecret + " b", "", "", "", true, "no secret of the provider's"},
		{"an event", "asana", "", "{}", "ab", "", false, ""},
		{"an event with a secret", "asana", asanaSecret, "{}", "ab", "", false, ""},
		{"Notion's", "notion", "", token(notionToken), "", notionToken, true, ""},
		{"another prefix", "notion", "", token("secrets_" + notionToken[7:]), "", "", true, "no secret of the provider's"},
		{"a line break", "notion", "", token(notionToken + "\\n"), "", "", true, "no secret of the provider's"},
		{"not alone", "notion", "", `{"verification_token":"` + notionToken + `","type":"page.created"}`, "", "", false, ""},
		{"in a list", "notion", "", "[" + token(notionToken) + "]", "", "", false, ""},
		{"Asana's to Notion", "notion", asanaSecret, "{}", "", "", false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &Request{Method: http.MethodPost, Header: http.Header{}, Body: []byte(tt.body), Now: testNow}
			for name, value := range map[string]string{"X-Hook-Secret": tt.secret, "X-Hook-Signature": tt.signature} {
				if value != "" {
					r.Header.Set(name, value)
				}
			}
			v := preset(t, tt.preset)
			a, err := v.Handshake(r)
			if (err != nil) != (tt.reason != "") || err != nil && (!strings.Contains(err.Error(), tt.reason) || tt.secret != "" && strings.Contains(err.Error(), tt.secret)) {
				t.Errorf("error %v, want %q", err, tt.reason)
			}
			if (a != nil) != (tt.want != "") || a != nil && (a.Secret.Reveal() != tt.want || a.Keep != "/etc/secret" || a.Status != 200) {
				t.Errorf("answer %v, want one: %v", a, tt.want != "")
			}
			if v.Brings(r) != tt.withheld {
				t.Errorf("body withheld: %v", !tt.withheld)
			}

			// Where nobody waits it is an event like others, and as secret as before.
			s, _ := Preset(tt.preset)
			if v, err = s.Compile([]Secret{testSecret}, nil); err != nil {
				t.Fatal(err)
			}
			if a, err := v.Handshake(r); a != nil || err != nil {
				t.Errorf("nobody waits, and the answer is %v, %v", a, err)
			}
			checkVerdict(t, v.Verify(r), false)
			if v.Brings(r) != tt.withheld {
				t.Errorf("nobody waits, and the body is withheld: %v", !tt.withheld)
			}
		})
	}
	if headers, query := preset(t, "asana").Sensitive(); !slices.Contains(headers, "X-Hook-Secret") || len(query) > 0 {
		t.Errorf("masked are %v and %v", headers, query)
	}
	if a, b := Unknown(), Unknown(); a == b || len(a) < 26 {
		t.Error("a secret that is yet to come can be guessed")
	}
}

// What any of several takes it takes; of all, the others have to hold.
func TestSecretsBroughtToSeveral(t *testing.T) {
	token, asana := Member{"bearer", preset(t, "bearer")}, Member{"asana", preset(t, "asana")}
	bare := &Request{Method: http.MethodPost, Header: http.Header{"X-Hook-Secret": {asanaSecret}}, Now: testNow}
	proven := mustSign(t, token.Verifier, bare.clone())
	tests := []struct {
		name  string
		v     *Verifier
		r     *Request
		taken bool
	}{
		{"any", Any(token, asana), bare, true},
		{"all, unproven", All(token, asana), bare, false},
		{"all, proven", All(token, asana), proven, true},
		{"any of all, unproven", Any(Member{"all", All(asana, token)}, token), bare, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := tt.v.Handshake(tt.r)
			if (a != nil) != tt.taken || (err != nil) == tt.taken {
				t.Errorf("answer %v, %v, want one: %v", a, err, tt.taken)
			}
			if headers, _ := tt.v.Sensitive(); !tt.v.Brings(tt.r) || !slices.Contains(headers, "X-Hook-Secret") {
				t.Error("the secret is not masked")
			}
		})
	}
}
