package verify

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
)

// What Adyen signs is eight fields of each notification: a change of any shows,
// in any notification.
func TestAdyenFields(t *testing.T) {
	item := `{"NotificationRequestItem":{"amount":{"currency":"EUR","value":1000},"eventCode":"AUTHORISATION","merchantAccountCode":"shop","merchantReference":"r","originalReference":"o","pspReference":"p","success":"true"}}`
	v := preset(t, "adyen-standard")
	r := newRequest()
	r.Body = []byte(`{"notificationItems":[` + item + `,` + item + `]}`)
	signed := mustSign(t, v, r)
	if err := v.Verify(signed.clone()); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"EUR"`, `1000`, `"AUTHORISATION"`, `"shop"`, `"r"`, `"o"`, `"p"`, `"true"`} {
		for _, at := range []int{strings.Index(string(signed.Body), part), strings.LastIndex(string(signed.Body), part)} {
			changed := signed.clone()
			changed.Body[at+len(part)-2] ^= 1
			if v.Verify(changed) == nil {
				t.Errorf("accepted %s", changed.Body)
			}
		}
	}
	for _, body := range []string{`{}`, `{"notificationItems":[]}`, `{"notificationItems":[{}]}`, `[]`, ``} {
		r := newRequest()
		r.Body = []byte(body)
		checkVerdict(t, v.Verify(r), false)
	}
}

func TestGraphWantsEveryNotification(t *testing.T) {
	v := preset(t, "microsoft-graph")
	for body, valid := range map[string]bool{
		`{"value":[{"clientState":"` + string(testSecret) + `"}]}`:                         true,
		`{"value":[{"clientState":"` + string(testSecret) + `"},{"clientState":"other"}]}`: false,
		`{"value":[{"clientState":"` + string(testSecret) + `"},{}]}`:                      false,
		`{"value":[]}`:          false,
		`{"clientState":"x"}`:   false,
		`{"value":{"value":1}}`: false,
	} {
		r := newRequest()
		r.Body = []byte(body)
		checkVerdict(t, v.Verify(r), valid)
	}
}

func TestTwilioURLs(t *testing.T) {
	v := preset(t, "twilio")
	signedAs := func(url string) *Request {
		r := formRequest()
		r.URL = url
		return mustSign(t, v, r)
	}
	for signed, called := range map[string]string{
		"https://example.com/a":               "https://example.com:443/a",
		"https://example.com:443/a":           "https://example.com/a",
		"http://example.com:80/a":             "http://example.com/a",
		"https://user:pass@example.com:443/a": "https://user:pass@example.com/a",
		"https://example.com/a?n=O'Hara":      "https://example.com/a?n=O%27Hara",
		"https://example.com/a?n=O%27Hara":    "https://example.com/a?n=O'Hara",
		"https://[2001:db8::1]/a":             "https://[2001:db8::1]:8443/a",
	} {
		r := signedAs(signed)
		r.URL = called
		if err := v.Verify(r); err != nil {
			t.Errorf("signed as %s, called as %s: %v", signed, called, err)
		}
	}
	for _, called := range []string{"https://example.org/a", "http://example.com/a", "https://example.com/b", "https://example.com/a?b=1", ""} {
		r := signedAs("https://example.com/a")
		r.URL = called
		checkVerdict(t, v.Verify(r), false)
	}
	r := signedAs("https://example.com/a")
	r.Header.Set("Content-Type", "application/json")
	checkVerdict(t, v.Verify(r), false) // a body that nothing speaks for
}

// What is signed of a form has nothing between its names and values, so it can be
// cut elsewhere; what then looks like no form of Twilio's is refused.
func TestTwilioFormIsNotCutElsewhere(t *testing.T) {
	v := preset(t, "twilio")
	with := func(body string) *Request {
		r := newRequest()
		r.URL, r.Body = "https://hooks.example.com/twilio", []byte(body)
		r.Header = http.Header{"Content-Type": {urlencoded}}
		return r
	}
	signed := mustSign(t, v, with("Body=reboot+nowFrom%2B15550000&From=%2B15551&MediaUrl0=x&MessagingBinding.Address=x&SipHeader_X-Account=x&To=%2B1999"))
	checkVerdict(t, v.Verify(signed.clone()), true)
	const rest = "&MediaUrl0=x&MessagingBinding.Address=x&SipHeader_X-Account=x&To=%2B1999"
	for body, reason := range map[string]string{
		"Body=reboot+now&From=%2B15550000&From%2B15551=" + rest:                               "none of Twilio's",
		"Body=reboot+nowFrom%2B15550000&From=%2B15551" + rest + "&To=%2B1999":                 "2 times",
		"Body=reboot+nowFrom%2B15550000&From=%2B15551" + rest + "&Body=evil":                  "2 times",
		"Body=reboot+now&From=%2B15550000&From=%2B15551" + rest:                               "2 times",
		"Body=reboot&+nowFrom%2B15550000From%2B15551MediaUrl0x=" + rest[len("&MediaUrl0=x"):]: "",
	} {
		r := signed.clone()
		r.Body, r.form = []byte(body), nil
		if err := v.Verify(r); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: %v, want %q", body, err, reason)
		}
	}
}

func TestBraintree(t *testing.T) {
	v := preset(t, "braintree")
	r := newRequest()
	r.Body = []byte("<notification><kind>subscription_canceled</kind></notification>")
	signed := mustSign(t, v, r)
	if event, _ := v.Identify(signed); event != "subscription_canceled" {
		t.Errorf("event is %q", event)
	}
	// What the check of the address has signed for anybody is no notification.
	challenge := "20f9f8ed05f77439fe955c977e4c8a53"
	r = newRequest()
	r.Method, r.RawQuery, r.Body = "GET", "bt_challenge="+challenge, nil
	answer, err := v.Handshake(r)
	if err != nil || answer == nil {
		t.Fatal(answer, err)
	}
	r = formRequest()
	r.Body = []byte("bt_signature=" + strings.ReplaceAll(string(answer.Body), "|", "%7C") + "&bt_payload=" + challenge)
	if err := v.Verify(r); err == nil || !strings.Contains(err.Error(), "no notification") {
		t.Errorf("the challenge as a notification: %v", err)
	}
}

func TestContentfulNeedsItsTimeSigned(t *testing.T) {
	v := preset(t, "contentful")
	for _, list := range []string{"x-contentful-signed-headers", "x-contentful-timestamp", "", "x-contentful-timestamp,x-missing,x-contentful-signed-headers"} {
		r := newRequest()
		r.Header.Set(contentfulNames, list)
		r.Header.Set(contentfulTime, "1772366400000")
		p := v.proof.(*contentful)
		if p.signed.sign(r) == nil {
			t.Errorf("signed and verifies with the list %q", list)
		}
	}
}

// DocuSign signs with all its keys at once; any of ours will do.
func TestSeveralSignatureHeaders(t *testing.T) {
	v, other := preset(t, "docusign"), preset(t, "docusign", otherSecret)
	r := mustSign(t, other, newRequest())
	first := r.Header.Get("X-Docusign-Signature-1")
	r = mustSign(t, v, r)
	r.Header.Set("X-Docusign-Signature-7", r.Header.Get("X-Docusign-Signature-1"))
	r.Header.Set("X-Docusign-Signature-1", first)
	if err := v.Verify(r.clone()); err != nil {
		t.Error("the seventh of them:", err)
	}
	r.Header.Set("X-Docusign-Signature-2", "not base64!")
	if err := v.Verify(r.clone()); err != nil {
		t.Error("beside one that cannot be read:", err)
	}
	r.Header.Set("X-Docusign-Signature-7", base64.StdEncoding.EncodeToString(make([]byte, 32)))
	checkVerdict(t, v.Verify(r.clone()), false)
}

func TestSupabaseShowsItsSecretsInItsOwnWay(t *testing.T) {
	shown, bare := preset(t, "supabase", "v1,whsec_MDAxMTIyMzM0NDU1"), preset(t, "supabase", "whsec_MDAxMTIyMzM0NDU1")
	if err := shown.Verify(mustSign(t, bare, newRequest())); err != nil {
		t.Error(err)
	}
}
