package verify

import (
	"strings"
	"testing"
)

func TestSignatureList(t *testing.T) {
	list := signatureField{
		from:     sources{{kind: inHeader, name: "X-Signature", key: "X-Signature"}},
		encoding: encodings["hex"], sep: ",", kv: "=", key: "v1",
	}
	prefixed := list
	prefixed.sep, prefixed.kv, prefixed.key, prefixed.prefix = "", "", "", "sha256="

	tests := []struct {
		name   string
		field  signatureField
		text   string
		want   int // signatures that could count
		reason string
	}{
		{"one", list, "v1=ab12", 1, ""},
		{"several", list, "t=1,v1=ab12,v1=cd34", 2, ""},
		{"a space after the comma", list, "t=1, v1=ab12", 1, ""},
		{"unknown versions are ignored", list, "v0=ab12,v1=ab12,v2=zz", 1, ""},
		{"an unreadable one beside a readable one", list, "v1=zz,v1=ab12", 1, ""},
		{"no known version", list, "v0=ab12,v2=ab12", 0, "no v1 signature in the X-Signature header"},
		{"no pairs at all", list, "ab12", 0, "no v1 signature"},
		{"not hex", list, "v1=zz", 0, "is not hex"},
		{"empty", list, "v1=", 0, "is not hex"},
		{"any case of hex", prefixed, "sha256=AB12", 1, ""},
		{"prefix is required", prefixed, "ab12", 0, `does not start with "sha256="`},
		{"prefix is exact", prefixed, "SHA256=ab12", 0, `does not start with "sha256="`},
		{"another algorithm", prefixed, "sha1=ab12", 0, `does not start with "sha256="`},
		{"a list where none is", prefixed, "sha256=ab12,sha256=ab12", 0, "is not hex"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			claimed, err := tt.field.decode(pairs{tt.text, tt.field.sep, tt.field.kv})
			if len(claimed) != tt.want {
				t.Errorf("%d signatures, want %d", len(claimed), tt.want)
			}
			if tt.reason == "" != (err == nil) || err != nil && !strings.Contains(err.Error(), tt.reason) {
				t.Errorf("error %v, want %q", err, tt.reason)
			}
		})
	}
}

func TestBase64SignatureIsStrict(t *testing.T) {
	decode := encodings["base64"].decode
	for _, good := range []string{"QQ==", "QQ", "QUI=", "QUI", "QUJD", "+/8="} {
		if _, err := decode(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	// The spare bits of the last character differ, or the padding is wrong, or
	// the alphabet, or there is a line break.
	for _, bad := range []string{"QR==", "QR", "QUJ=", "QQ=", "Q", "-_8=", "QU\nJD", "QQ==\n", " QQ=="} {
		if b, err := decode(bad); err == nil {
			t.Errorf("%q decoded to %q", bad, b)
		}
	}
}

func TestBase64KeyIsLenient(t *testing.T) {
	for _, text := range []string{"whsec_-_8=", "whsec_+/8", "+/9", " +/8= "} {
		if key, err := keyDecoders["whsec"](text); err != nil || string(key) != "\xfb\xff" {
			t.Errorf("%q: % x, %v", text, key, err)
		}
	}
}

func TestRepeatedHeaders(t *testing.T) {
	v := preset(t, "github")
	good := mustSign(t, v, newRequest())
	signature := good.Header.Get("X-Hub-Signature-256")
	forged := "sha256=" + strings.Repeat("0", 64)

	for _, values := range [][]string{{signature, forged}, {forged, signature}, {signature, ""}} {
		r := good.clone()
		r.Header["X-Hub-Signature-256"] = values
		err := v.Verify(r)
		if err == nil || !strings.Contains(err.Error(), "2 times with different values") {
			t.Errorf("repeated with another value: %v", err)
		}
	}
	r := good.clone()
	r.Header["X-Hub-Signature-256"] = []string{signature, signature}
	if err := v.Verify(r); err != nil {
		t.Errorf("repeated with the same value: %v", err)
	}
	r.Header["X-Hub-Signature-256"] = []string{signature + ", " + forged}
	if v.Verify(r) == nil {
		t.Error("accepted two signatures that a proxy joined")
	}
}

func TestTwoTimestampsInOneSignatureHeader(t *testing.T) {
	v := compile(t, allSchemes(t)["stripe"])
	r := mustSign(t, v, newRequest())
	r.Header.Set("Stripe-Signature", "t=1,"+r.Header.Get("Stripe-Signature"))
	if err := v.Verify(r); err == nil || !strings.Contains(err.Error(), "different values") {
		t.Errorf("two timestamps: %v", err)
	}
}

// GitHub sends both headers; a forger would choose the weaker one.
func TestNoDowngradeToSHA1(t *testing.T) {
	sha1, v := compile(t, allSchemes(t)["github-sha1"]), preset(t, "github")
	r := mustSign(t, sha1, newRequest())
	if err := v.Verify(r); err == nil || err.Error() != "no X-Hub-Signature-256 header" {
		t.Errorf("only X-Hub-Signature: %v", err)
	}
	r.Header.Set("X-Hub-Signature-256", r.Header.Get("X-Hub-Signature"))
	if v.Verify(r) == nil {
		t.Error("accepted SHA-1 under the name of SHA-256")
	}
}

func TestFormsAreSignedByTheirPayload(t *testing.T) {
	for _, name := range []string{"gitea", "gogs", "forgejo"} {
		v := preset(t, name)
		signed := mustSign(t, v, formRequest())

		r := signed.clone()
		r.Body = append(r.Body, "&more=fields"...)
		if err := v.Verify(r); err != nil {
			t.Errorf("%s: fields beside the payload are not signed: %v", name, err)
		}
		for _, body := range []string{"payload=other", "other=1", "payload=%7B%22a%22%3A1%7D&payload=x", "payload=%zz", "payload=%7B%22a%22%3A1%7D&x=%zz", ""} {
			r.setBody([]byte(body))
			checkVerdict(t, v.Verify(r), false)
		}

		r = signed.clone()
		r.Header.Set("Content-Type", "application/json")
		if v.Verify(r) == nil {
			t.Errorf("%s: accepted a form signature for what is not called a form", name)
		}

		r = signed.clone()
		r.Method, r.RawQuery, r.Body = "GET", string(r.Body), nil
		r.Header.Del("Content-Type")
		if err := v.Verify(r); err != nil {
			t.Errorf("%s: payload in the query of a GET: %v", name, err)
		}
	}
}

func TestMultipartForm(t *testing.T) {
	v := compile(t, allSchemes(t)["mailgun-form"])
	r := mustSign(t, v, formRequest())
	values, err := r.formValues()
	if err != nil {
		t.Fatal(err)
	}
	var body strings.Builder
	for name := range values {
		body.WriteString("--b\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + values.Get(name) + "\r\n")
	}
	body.WriteString("--b\r\nContent-Disposition: form-data; name=\"token\"; filename=\"f\"\r\n\r\na file\r\n--b--\r\n")
	r = r.clone()
	r.Body = []byte(body.String())
	r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	if err := v.Verify(r); err != nil {
		t.Errorf("multipart: %v", err)
	}
	r = r.clone()
	r.Body = r.Body[:len(r.Body)-30]
	if v.Verify(r) == nil {
		t.Error("accepted a multipart form that was cut off")
	}
}
