package verify

import (
	"strings"
	"testing"
)

// hmacScheme is a good scheme, to be spoilt.
func hmacScheme(spoil func(*Scheme)) Scheme {
	s := Scheme{Type: "hmac", Algorithm: "sha256", Signature: Signature{From: Sources{"header:X-Signature"}}}
	spoil(&s)
	return s
}

func TestCompileSaysWhatToWrite(t *testing.T) {
	tests := []struct {
		name   string
		scheme Scheme
		want   string
	}{
		{"no type", Scheme{}, "type: missing; write adyen-standard, aws-sns, basic,"},
		{"a type of later", Scheme{Type: "ed448"}, `type: "ed448" is not supported; write adyen-standard,`},
		{"no algorithm", hmacScheme(func(s *Scheme) { s.Algorithm = "" }), "algorithm: missing; write sha1, sha256, sha384 or sha512"},
		{"unknown algorithm", hmacScheme(func(s *Scheme) { s.Algorithm = "md5" }), `algorithm: "md5" is unknown; write sha1`},
		{"unknown key", hmacScheme(func(s *Scheme) { s.Key = "rot13" }), `key: "rot13" is unknown; write base64, hex, utf8 or whsec`},
		{"unknown encoding", hmacScheme(func(s *Scheme) { s.Signature.Encoding = "base32" }), `signature.encoding: "base32" is unknown; write base64, base64url or hex`},
		{"no signature", hmacScheme(func(s *Scheme) { s.Signature.From = nil }), "signature.from: missing; write where the signature stands, for example header:X-Signature"},
		{"no place", hmacScheme(func(s *Scheme) { s.Signature.From = Sources{"X-Signature"} }), `signature.from: "X-Signature" does not say where; write header:NAME`},
		{"unknown place", hmacScheme(func(s *Scheme) { s.ID = Sources{"cookie:id"} }), `id: "cookie:" is no place in a request; write header:`},
		{"empty step", hmacScheme(func(s *Scheme) { s.Event = Sources{"json:a..b"} }), `event: "json:a..b" has an empty step`},
		{"sig elsewhere", hmacScheme(func(s *Scheme) { s.ID = Sources{"sig:t"} }), `id: "sig:t" is known only as a timestamp`},
		{"key without kv", hmacScheme(func(s *Scheme) { s.Signature.Key = "v1" }), "signature: kv and key belong together"},
		{"unknown placeholder", hmacScheme(func(s *Scheme) { s.Signed = "{bdy}" }), "signed: there is no placeholder {bdy}; write one of {body}"},
		{"unclosed placeholder", hmacScheme(func(s *Scheme) { s.Signed = "{body" }), "signed: a { has no }"},
		{"nothing signed", hmacScheme(func(s *Scheme) { s.Signed = "v0:{secret}{url}" }), "is the same for every request"},
		{"nothing signed in a form", hmacScheme(func(s *Scheme) { s.SignedForm = "{param:account}" }), "signed_form: "},
		{"timestamp of nowhere", hmacScheme(func(s *Scheme) { s.Signed = "{timestamp}.{body}" }), "signed: {timestamp} stands for a value of the request; write under timestamp where it is found"},
		{"id of nowhere", hmacScheme(func(s *Scheme) { s.Signed = "{id}.{body}" }), "signed: {id} stands for a value"},
		{"param without value", hmacScheme(func(s *Scheme) { s.Signed = "{param:app}{body}" }), "signed: {param:app} has no value; write app: … beside the secret"},
		{"timestamp that is not signed", hmacScheme(func(s *Scheme) { s.Timestamp = &Timestamp{From: Sources{"header:X-Time"}} }), "signed: the timestamp is not in it, so anybody could change it"},
		{"timestamp not in the form's message", hmacScheme(func(s *Scheme) {
			s.Timestamp = &Timestamp{From: Sources{"header:X-Time"}}
			s.Signed, s.SignedForm = "{timestamp}{body}", "{form:payload}"
		}), "signed_form: the timestamp is not in it"},
		{"timestamp without a place", hmacScheme(func(s *Scheme) { s.Timestamp = &Timestamp{} }), "timestamp.from: missing"},
		{"unknown unit", hmacScheme(func(s *Scheme) {
			s.Signed, s.Timestamp = "{timestamp}{body}", &Timestamp{From: Sources{"header:X-Time"}, Unit: "min"}
		}), `timestamp.unit: "min" is unknown; write http-date, ms, rfc3339, s or us`},
		{"sig without list", hmacScheme(func(s *Scheme) {
			s.Signed, s.Timestamp = "{timestamp}{body}", &Timestamp{From: Sources{"sig:t"}}
		}), "write signature.sep and signature.kv as well"},
		{"prefix in the wrong place", hmacScheme(func(s *Scheme) { s.Prefix = "sha256=" }), "prefix: belongs to a token; write it as signature.prefix"},
		{"hash without secret", hmacScheme(func(s *Scheme) { s.Type = "hash" }), "a hash without the secret proves nothing; write {secret}"},
		{"token of nowhere", Scheme{Type: "token"}, "token: missing; write where the token stands"},
		{"token in the body", Scheme{Type: "token", Token: Sources{"json:token"}}, "would be stored with the body; write header:NAME or query:NAME"},
		{"token with an algorithm", Scheme{Type: "token", Token: Sources{"header:X"}, Algorithm: "sha256"}, "algorithm: has no meaning for type token"},
		{"basic with a token", Scheme{Type: "basic", Token: Sources{"header:X"}}, "token: has no meaning for type basic"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := tt.scheme.Compile([]Secret{testSecret}, map[string]string{"user": "ada", "account": "7"})
			if err == nil || v != nil {
				t.Fatalf("compiled; want an error with %q", tt.want)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q\nwant it to hold %q", err, tt.want)
			}
		})
	}
}

func TestCompileTellsAllMistakesAtOnce(t *testing.T) {
	_, err := Scheme{Type: "hmac", Signed: "{bdy}"}.Compile(nil, nil)
	for _, want := range []string{"secret: missing", "algorithm: missing", "signature.from: missing", "{bdy}"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
}

func TestEmptySecretNeverCompiles(t *testing.T) {
	eachScheme(t, func(t *testing.T, s Scheme) {
		for _, secrets := range [][]Secret{nil, {}, {""}, {" \n"}, {testSecret, ""}} {
			if len(secrets) == 0 && s.PublishesKeys() {
				continue // the provider's own key counts then
			}
			if _, err := s.Compile(secrets, testParams()); err == nil {
				t.Errorf("compiled with %d secrets, one of them empty", len(secrets))
			}
		}
	})
}

func TestEmptyKeyNeverCompiles(t *testing.T) {
	s := hmacScheme(func(s *Scheme) { s.Key = "whsec" })
	for _, secret := range []Secret{"whsec_", "whsec_=="} {
		if _, err := s.Compile([]Secret{secret}, nil); err == nil {
			t.Error("compiled an empty key")
		}
	}
}

func TestBasicNeedsAUser(t *testing.T) {
	for _, user := range []string{"", "a:b"} {
		_, err := Scheme{Type: "basic"}.Compile([]Secret{testSecret}, map[string]string{"user": user})
		if err == nil || !strings.Contains(err.Error(), "basic needs a user") {
			t.Errorf("user %q: %v", user, err)
		}
	}
}
