package verify

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestToken(t *testing.T) {
	bearer, gitlab, basic := preset(t, "bearer"), preset(t, "gitlab"), preset(t, "basic")
	query := compile(t, Scheme{Type: "token", Token: Sources{"query:auth"}})
	secret := testSecret.Reveal()
	pair := base64.StdEncoding.EncodeToString([]byte("ada:" + secret))

	tests := []struct {
		name   string
		v      *Verifier
		header http.Header
		query  string
		reason string // "" is genuine
	}{
		{"bearer", bearer, auth("Bearer " + secret), "", ""},
		{"bearer in lower case", bearer, auth("bearer " + secret), "", ""},
		{"bearer in upper case", bearer, auth("BEARER " + secret), "", ""},
		{"a bare token", bearer, auth(secret), "", `does not start with "Bearer "`},
		{"another keyword", bearer, auth("Token  " + secret), "", `does not start with "Bearer "`},
		{"the keyword alone", bearer, auth("Bearer "), "", "does not match"},
		{"the token in another case", bearer, auth("Bearer " + strings.ToUpper(secret)), "", "does not match"},
		{"the beginning of the token", bearer, auth("Bearer " + secret[:8]), "", "does not match"},
		{"more than the token", bearer, auth("Bearer " + secret + "x"), "", "does not match"},
		{"none", bearer, nil, "", "no Authorization header"},
		{"empty", bearer, auth(""), "", "no Authorization header"},

		{"gitlab", gitlab, http.Header{"X-Gitlab-Token": {secret}}, "", ""},
		{"gitlab, wrong", gitlab, http.Header{"X-Gitlab-Token": {"x"}}, "", "X-Gitlab-Token header does not match"},
		{"gitlab, elsewhere", gitlab, auth(secret), "", "no X-Gitlab-Token header"},

		{"query", query, nil, "auth=" + secret, ""},
		{"query, something broken beside it", query, nil, "auth=" + secret + "&b=%zz", ""},
		{"query, twice the same", query, nil, "auth=" + secret + "&auth=" + secret, ""},
		{"query, twice", query, nil, "auth=x&auth=" + secret, "different values"},
		{"query, empty", query, nil, "auth=", "no auth in the query"},

		{"basic", basic, auth("Basic " + pair), "", ""},
		{"basic in lower case", basic, auth("basic " + pair), "", ""},
		{"basic, not base64", basic, auth("Basic !!"), "", "cannot be read"},
		{"basic, another user", basic, auth("Basic " + base64.StdEncoding.EncodeToString([]byte("bob:"+secret))), "", "does not match"},
		{"basic, no password", basic, auth("Basic " + base64.StdEncoding.EncodeToString([]byte("ada:"))), "", "does not match"},
		{"basic, nothing", basic, auth("Basic "), "", "does not match"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.v.Verify(&Request{Header: tt.header, RawQuery: tt.query})
			checkVerdict(t, err, tt.reason == "")
			if err != nil && !strings.Contains(err.Error(), tt.reason) {
				t.Errorf("reason %q, want %q", err, tt.reason)
			}
		})
	}
}

func auth(value string) http.Header { return http.Header{"Authorization": {value}} }

func TestSensitive(t *testing.T) {
	tests := []struct {
		scheme         Scheme
		headers, query []string
	}{
		{Scheme{Type: "basic"}, []string{"Authorization"}, nil},
		{Scheme{Type: "token", Token: Sources{"header:X-Gitlab-Token"}}, []string{"X-Gitlab-Token"}, nil},
		{Scheme{Type: "token", Token: Sources{"header:Authorization", "query:access_token"}}, []string{"Authorization"}, []string{"access_token"}},
		{Scheme{Type: "hmac", Algorithm: "sha256", Signature: Signature{From: Sources{"header:X-Signature", "query:sig"}}}, nil, nil},
	}
	for _, tt := range tests {
		headers, query := compile(t, tt.scheme).Sensitive()
		if !slices.Equal(headers, tt.headers) || !slices.Equal(query, tt.query) {
			t.Errorf("Sensitive of %v = %v, %v; want %v, %v", tt.scheme.Token, headers, query, tt.headers, tt.query)
		}
	}
}
