package verify

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"testing"
)

func pushRequest() *Request {
	r := newRequest()
	r.Body = bytes.Repeat([]byte(`{"ref":"x"} `), 7*1024/12)
	return r
}

func BenchmarkVerifyGitHub7KB(b *testing.B) {
	v := preset(b, "github")
	r := mustSign(b, v, pushRequest())
	b.SetBytes(int64(len(r.Body)))
	b.ReportAllocs()
	for b.Loop() {
		if err := v.Verify(r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHMACAlone is what the one above cannot go below.
func BenchmarkHMACAlone(b *testing.B) {
	r := pushRequest()
	mac := hmac.New(sha256.New, []byte(testSecret))
	b.SetBytes(int64(len(r.Body)))
	for b.Loop() {
		mac.Reset()
		mac.Write(r.Body)
		mac.Sum(nil)
	}
}

// Verify is on the path of every request, so its cost beside the hash is held.
func TestVerifyAllocatesLittle(t *testing.T) {
	v := preset(t, "github")
	r := mustSign(t, v, pushRequest())
	allocs := testing.AllocsPerRun(100, func() {
		if err := v.Verify(r); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 6 {
		t.Errorf("%v allocations for one verification, want a few", allocs)
	}
}
