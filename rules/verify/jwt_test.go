package verify

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

// makeToken signs any header and claims with an algorithm and a key.
func makeToken(t testing.TB, alg string, key jwtKey, header, claims map[string]any) string {
	t.Helper()
	var parts []string
	for _, part := range []map[string]any{header, claims} {
		raw, err := json.Marshal(part)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, base64.RawURLEncoding.EncodeToString(raw))
	}
	signed := strings.Join(parts, ".")
	if alg == "none" {
		return signed + "."
	}
	sign, err := jwtAlgorithms[alg].sign(key)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := sign([]byte(signed))
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func testPair(t testing.TB, kind string, which int) keyPair {
	t.Helper()
	pairs, err := parseKeys(testKeys()[kind][which].Reveal(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return pairs[0]
}

func publicPEM(t testing.TB, public crypto.PublicKey) string {
	t.Helper()
	return pemOf(t, "PUBLIC KEY", public)
}

func TestJWT(t *testing.T) {
	const aud, iss = "https://hooks.example.com", "https://issuer.example"
	secret := jwtKey{secret: hide([]byte(testSecret))}
	rsaKey, ecKey, edKey := jwtKey{pair: testPair(t, "rsa", 0)}, jwtKey{pair: testPair(t, "ecdsa", 0)}, jwtKey{pair: testPair(t, "ed25519", 0)}
	rsaText := publicPEM(t, rsaKey.pair.public)
	publicAsSecret := jwtKey{secret: hide([]byte(rsaText))}
	now := testNow.Unix()
	good := func(change func(map[string]any)) map[string]any {
		claims := map[string]any{"iss": iss, "aud": []string{"other", aud}, "iat": now, "exp": now + 60}
		if change != nil {
			change(claims)
		}
		return claims
	}
	set := func(name string, v any) map[string]any { return good(func(c map[string]any) { c[name] = v }) }

	tests := []struct {
		name       string
		algorithms Texts
		secret     string
		alg        string
		key        jwtKey
		header     map[string]any
		claims     map[string]any
		reason     string
	}{
		{"HS256", Texts{"HS256"}, string(testSecret), "HS256", secret, nil, good(nil), ""},
		{"HS512", Texts{"HS256", "HS512"}, string(testSecret), "HS512", secret, nil, good(nil), ""},
		{"RS256", Texts{"RS256"}, rsaText, "RS256", rsaKey, nil, good(nil), ""},
		{"PS384", Texts{"PS384"}, rsaText, "PS384", rsaKey, nil, good(nil), ""},
		{"ES256", Texts{"ES256"}, publicPEM(t, ecKey.pair.public), "ES256", ecKey, nil, good(nil), ""},
		{"EdDSA", Texts{"EdDSA"}, publicPEM(t, edKey.pair.public), "EdDSA", edKey, nil, good(nil), ""},
		{"one of several kinds", Texts{"HS256", "RS256", "ES256"}, rsaText, "RS256", rsaKey, nil, good(nil), ""},

		{"none", Texts{"HS256"}, string(testSecret), "none", secret, map[string]any{"alg": "none"}, good(nil), "not signed with HS256"},
		{"the public key as the secret", Texts{"RS256"}, rsaText, "HS256", publicAsSecret, nil, good(nil), "not signed with RS256"},
		{"the public key as the secret, where secrets are allowed", Texts{"HS256", "RS256"}, rsaText, "HS256", publicAsSecret, nil, good(nil), "does not match"},
		{"a key of one's own, where a secret was given", Texts{"HS256", "RS256"}, string(testSecret), "RS256", rsaKey, nil, good(nil), "does not match"},
		{"an algorithm that is not accepted", Texts{"HS256"}, string(testSecret), "HS512", secret, nil, good(nil), "not signed with HS256"},
		{"another RSA algorithm under this name", Texts{"RS256", "PS256"}, rsaText, "PS256", rsaKey, map[string]any{"alg": "RS256"}, good(nil), "does not match"},
		{"another key", Texts{"RS256"}, rsaText, "RS256", jwtKey{pair: testPair(t, "rsa", 1)}, nil, good(nil), "does not match"},
		{"another kind of key", Texts{"ES256"}, rsaText, "ES256", ecKey, nil, good(nil), "does not match"},
		{"crit", Texts{"HS256"}, string(testSecret), "HS256", secret, map[string]any{"alg": "HS256", "crit": []string{"b64"}, "b64": false}, good(nil), "no token that can be read"},

		{"expired", Texts{"HS256"}, string(testSecret), "HS256", secret, nil, set("exp", now), "has expired"},
		{"no exp", Texts{"HS256"}, string(testSecret), "HS256", secret, nil, good(func(c map[string]any) { delete(c, "exp") }), "no exp"},
		{"exp as a text", Texts{"HS256"}, string(testSecret), "HS256", secret, nil, set("exp", "9999999999"), "exp is not a time"},
		{"exp null", Texts{"HS256"}, string(testSecret), "HS256", secret, nil, set("exp", nil), "exp is not a time"},
		{"exp beyond all time", Texts{"HS256"}, string(testSecret), "HS256", secret, nil, set("exp", 1e300), "exp is not a time"},
		{"exp with a fraction", Texts{"HS256"}, string(testSecret), "HS256", secret, nil, set("exp", float64(now)+0.5), ""},
		{"not yet", Texts{"HS256"}, string(testSecret), "HS256", secret, nil, set("nbf", now+61), "not valid for another"},
		{"nearly", Texts{"HS256"}, string(testSecret), "HS256", secret, nil, set("nbf", now+59), ""},
		{"made ahead", Texts{"HS256"}, string(testSecret), "HS256", secret, nil, set("iat", now+61), "ahead of our clock"},
		{"too old", Texts{"HS256"}, string(testSecret), "HS256", secret, nil, set("iat", now-301), "301 s old"},
		{"no iat", Texts{"HS256"}, string(testSecret), "HS256", secret, nil, good(func(c map[string]any) { delete(c, "iat") }), "no iat"},
		{"another audience", Texts{"HS256"}, string(testSecret), "HS256", secret, nil, set("aud", "https://else.example"), "aud is not"},
		{"an audience inside an object", Texts{"HS256"}, string(testSecret), "HS256", secret, nil, set("aud", map[string]any{"x": aud}), "aud is not"},
		{"no audience", Texts{"HS256"}, string(testSecret), "HS256", secret, nil, set("aud", nil), "aud is not"},
		{"another issuer", Texts{"HS256"}, string(testSecret), "HS256", secret, nil, set("iss", iss+"/"), "iss is not"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Scheme{Type: "jwt", Public: tt.secret != string(testSecret), JWT: &JWT{
				Algorithms: tt.algorithms, Required: Texts{"exp"}, MaxAge: Window(300 * time.Second),
				Claims: map[string]Texts{"aud": {"{param:audience}"}, "iss": {"x", iss}},
			}}
			v, err := s.Compile([]Secret{Secret(tt.secret)}, testParams())
			if err != nil {
				t.Fatal(err)
			}
			if tt.header == nil {
				tt.header = map[string]any{"alg": tt.alg, "typ": "JWT"}
			}
			for _, word := range []string{"Bearer ", "bearer ", ""} {
				r := newRequest()
				r.Header.Set("Authorization", word+makeToken(t, tt.alg, tt.key, tt.header, tt.claims))
				err = v.Verify(r)
				checkVerdict(t, err, tt.reason == "")
				if err != nil && !strings.Contains(err.Error(), tt.reason) {
					t.Errorf("reason %q, want %q", err, tt.reason)
				}
			}
		})
	}
}

func TestJWTLeeway(t *testing.T) {
	s := Scheme{Type: "jwt", JWT: &JWT{Algorithms: Texts{"HS256"}, Leeway: Window(30 * time.Second)}}
	v := compile(t, s)
	r := mustSign(t, v, newRequest()) // expires after 5 minutes
	for after, valid := range map[time.Duration]bool{329 * time.Second: true, 330 * time.Second: false} {
		r.Now = testNow.Add(after)
		checkVerdict(t, v.Verify(r), valid)
	}
}

func TestJWTCompile(t *testing.T) {
	rsaText := publicPEM(t, testPair(t, "rsa", 0).public)
	tests := []struct {
		name   string
		jwt    *JWT
		secret string
		want   string
	}{
		{"nothing", nil, "s", "jwt: missing"},
		{"no algorithm", &JWT{}, "s", "algorithms: missing; write the one that the sender uses"},
		{"none", &JWT{Algorithms: Texts{"none"}}, "s", `algorithms: "none" is not accepted; write ES256`},
		{"a public key as the secret", &JWT{Algorithms: Texts{"HS256"}}, rsaText, "is a public key, which everybody knows"},
		{"a public key of secrets", &JWT{Algorithms: Texts{"HS256", "HS512"}}, rsaText, "public_key: does not go with HS256, HS512; with it go RS256"},
		{"a public key as the secret, where both are allowed", &JWT{Algorithms: Texts{"HS256", "RS256"}}, rsaText, "secret: number 1 is a public key"},
		{"a secret as the public key", &JWT{Algorithms: Texts{"RS256"}}, "s3cr3t", "number 1 is no public key"},
		{"leeway", &JWT{Algorithms: Texts{"HS256"}, Leeway: Window(time.Hour)}, "s", "leeway: at most 5m0s"},
		{"claim without value", &JWT{Algorithms: Texts{"HS256"}, Claims: map[string]Texts{"aud": {"{param:nothing}"}}}, "s", "{param:nothing} has no value"},
	}
	for _, tt := range tests {
		public := strings.HasPrefix(tt.want, "public_key")
		_, err := Scheme{Type: "jwt", Public: public, JWT: tt.jwt}.Compile([]Secret{Secret(tt.secret)}, nil)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// A fetcher is a provider that publishes documents.
type fetcher struct {
	documents map[string][]string // what each fetch of a URL brings, the last one again and again
	asked     []Document
	err       error
}

func (f *fetcher) Fetch(d Document, again bool) ([]byte, error) {
	f.asked = append(f.asked, d)
	list := f.documents[d.URL]
	if f.err != nil || len(list) == 0 {
		return nil, errors.Join(f.err, errors.New("nothing there"))
	}
	if again && len(list) > 1 {
		f.documents[d.URL], list = list[1:], list[1:]
	}
	return []byte(list[0]), nil
}

func TestPublishedKeys(t *testing.T) {
	const certs = "https://www.googleapis.com/oauth2/v3/certs"
	s, _ := Preset("google-pubsub")
	v, err := s.Compile(nil, testParams())
	if err != nil {
		t.Fatal(err)
	}
	set := func(which int, kid string) string {
		return `{"keys":[` + jwkOf(t, testPair(t, "rsa", which), kid) + `]}`
	}
	p := testPair(t, "rsa", 1)
	claims := map[string]any{"iss": "https://accounts.google.com", "aud": "https://hooks.example.com", "email": "push@example.iam.gserviceaccount.com", "email_verified": true, "exp": testNow.Unix() + 60}
	token := makeToken(t, "RS256", jwtKey{pair: p}, map[string]any{"alg": "RS256", "kid": "two"}, claims)
	tests := []struct {
		name    string
		keys    Keys
		valid   bool
		mistake string
	}{
		{"there", &fetcher{documents: map[string][]string{certs: {set(1, "two")}}}, true, ""},
		{"new since the last look", &fetcher{documents: map[string][]string{certs: {set(0, "one"), set(1, "two")}}}, true, ""},
		{"under another name", &fetcher{documents: map[string][]string{certs: {set(1, "three")}}}, false, "does not match"},
		{"not there", &fetcher{documents: map[string][]string{certs: {set(0, "two")}}}, false, "does not match"},
		{"not a set of keys", &fetcher{documents: map[string][]string{certs: {"<html>"}}}, false, "is no key to believe"},
	}
	for _, tt := range tests {
		r := newRequest()
		r.Keys = tt.keys
		r.Header.Set("Authorization", "Bearer "+token)
		err := v.Verify(r)
		checkVerdict(t, err, tt.valid)
		if err != nil && !strings.Contains(err.Error(), tt.mistake) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.mistake)
		}
	}
	for _, keys := range []Keys{nil, &fetcher{err: errors.New("no route to host")}} {
		r := newRequest()
		r.Keys = keys
		r.Header.Set("Authorization", "Bearer "+token)
		var unavailable *Unavailable
		if err := v.Verify(r); !errors.As(err, &unavailable) {
			t.Errorf("keys that cannot be fetched: %v, want Unavailable", err)
		}
	}
}

func TestPlaidAsksForTheKeyOfTheToken(t *testing.T) {
	const kid = "bfbd5111-8e33-4643-8ced-b2e642a72f3c"
	s, _ := Preset("plaid")
	v, err := s.Compile([]Secret{testSecret}, map[string]string{"client_id": "me", "environment": "sandbox"})
	if err != nil {
		t.Fatal(err)
	}
	pair := testPair(t, "ecdsa", 0)
	f := &fetcher{documents: map[string][]string{"https://sandbox.plaid.com/webhook_verification_key/get": {`{"key":` + strings.Replace(jwkOf(t, pair, kid), "{", `{"expired_at":null,`, 1) + `}`}}}
	for name, kid := range map[string]string{"": kid, "names no key": "../../other"} {
		pair.id = kid
		signer, err := s.Compile([]Secret{testKeys()["ecdsa"][0]}, nil)
		if err != nil {
			t.Fatal(err)
		}
		signer.proof.(*jwt).keys[0].pair.id = kid
		r := mustSign(t, signer, newRequest())
		r.Keys = f
		err = v.Verify(r)
		checkVerdict(t, err, name == "")
		if err != nil && !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want %q", err, name)
		}
	}
	if want := `{"client_id":"me","key_id":"` + kid + `","secret":"` + string(testSecret) + `"}`; len(f.asked) != 1 || f.asked[0].Post.Reveal() != want {
		t.Error("Plaid was not asked once, or not for that key")
	}
}

func FuzzJWT(f *testing.F) {
	s := Scheme{Type: "jwt", JWT: &JWT{Algorithms: Texts{"HS256", "RS256", "ES256"}}}
	v := compile(f, s)
	genuine := mustSign(f, v, newRequest()).Header.Get("Authorization")
	for _, seed := range []string{genuine, "", ".", "..", "a.b.c", "eyJhbGciOiJub25lIn0..", genuine + ".", "Bearer  " + genuine, strings.ReplaceAll(genuine, ".", "..")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		_, token, _ := strings.Cut(genuine, " ")
		r := newRequest()
		r.Header = http.Header{"Authorization": {value}}
		if v.Verify(r) == nil && !strings.HasSuffix(value, token) {
			t.Errorf("accepted %q", value)
		}
	})
}
