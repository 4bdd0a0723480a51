package verify

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// spellings are the ways in which a secret could still be recognised.
func spellings(s Secret) []string {
	text := s.Reveal()
	lower := hex.EncodeToString([]byte(text))
	numbers := strings.Trim(fmt.Sprint([]byte(text)), "[]")
	encoded := base64.StdEncoding.EncodeToString([]byte("ada:" + text))
	return []string{text, lower, strings.ToUpper(lower), numbers, encoded}
}

func checkHidden(t *testing.T, how, printed string) {
	t.Helper()
	for _, s := range spellings(testSecret) {
		if strings.Contains(printed, s) {
			t.Errorf("%s reveals the secret: %s", how, printed)
		}
	}
}

func TestNoVerbRevealsASecret(t *testing.T) {
	type holder struct{ S Secret }
	type hider struct{ v *Verifier }
	values := []any{
		testSecret, []Secret{testSecret}, map[string]Secret{"a": testSecret}, holder{testSecret}, &holder{testSecret},
		preset(t, "github"), preset(t, "bearer"), preset(t, "basic"),
		hider{preset(t, "github")}, hider{preset(t, "bearer")}, &hider{preset(t, "basic")},
	}
	for _, verb := range strings.Split("v +v #v s q x X d b o c U e f g t 10s -5q .2s", " ") {
		for _, value := range values {
			checkHidden(t, "%"+verb, fmt.Sprintf("%"+verb, value))
		}
		if got := fmt.Sprintf("%"+verb, testSecret); got != masked {
			t.Errorf("%%%s prints %q, want %q", verb, got, masked)
		}
	}
}

func TestNoEncodingRevealsASecret(t *testing.T) {
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "a", testSecret, "b", []Secret{testSecret})
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "a", testSecret, "b", []Secret{testSecret})
	checkHidden(t, "slog", log.String())

	data, err := json.Marshal(map[string]any{"a": testSecret, "b": []Secret{testSecret}, "c": &struct{ S Secret }{testSecret}})
	if err != nil {
		t.Fatal(err)
	}
	checkHidden(t, "json", string(data))
	if testSecret.String() != masked || testSecret.GoString() != masked {
		t.Error("String or GoString is not masked")
	}
}

// The error is stored and shown; it must hold neither what we know nor what we
// would have accepted.
func TestRejectionHoldsNoSecret(t *testing.T) {
	eachScheme(t, func(t *testing.T, s Scheme) {
		v := compile(t, s)
		for _, r := range requestsFor(s) {
			signed := mustSign(t, v, r)
			proof := ""
			if names := provingHeaders(s); len(names) > 0 {
				proof = signed.Header.Get(names[0])
				signed.Header.Set(names[0], "forged")
			}
			err := v.Verify(signed)
			if err == nil {
				continue // proves itself elsewhere than in a header
			}
			checkHidden(t, "rejection", err.Error())
			if proof != "" && strings.Contains(err.Error(), proof) {
				t.Errorf("rejection shows the expected signature: %v", err)
			}
		}
	})
}

func TestCompileErrorHoldsNoSecret(t *testing.T) {
	for _, key := range []string{"hex", "base64", "whsec", "utf9"} {
		s, _ := Preset("github")
		s.Key = key
		secret := Secret("!" + testSecret.Reveal())
		_, err := s.Compile([]Secret{secret}, nil)
		if err == nil {
			t.Errorf("%s: compiled a secret that is not %s", key, key)
			continue
		}
		checkHidden(t, "compile error", err.Error())
	}
}
