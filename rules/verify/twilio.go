package verify

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// twilio signs the public URL and the fields of the form, sorted, or the URL
// alone with the hash of any other body in its query
// (twilio.com/docs/usage/webhooks/webhooks-security). Which spelling of the URL
// it signed depends on its product, so all of them are tried, as its own
// libraries do.
type twilio struct {
	field signatureField
	keys  []key
}

// twilioBodyHash is the part of the query that speaks for a body that is no form.
const twilioBodyHash = "bodySHA256"

func compileTwilio(c *compiler) proof {
	c.unusedSignature()
	c.unused("token", len(c.scheme.Token) > 0)
	c.needsURL = true
	return &twilio{
		field: signatureField{from: c.sources("signature.from", Sources{"header:X-Twilio-Signature"}), encoding: encodings["base64"]},
		keys:  c.digests(newHMACKey(algorithms["sha1"]))(),
	}
}

var twilioMessage = &template{parts: []part{writeURL, writeTwilioFields}}

func (p *twilio) verify(r *Request) error {
	_, claimed, err := p.field.read(r)
	if err != nil {
		return err
	}
	if err := checkTwilioBody(r); err != nil {
		return err
	}
	found := false
	for _, spelling := range twilioURLs(r.URL) {
		again := *r
		again.URL = spelling
		for _, k := range p.keys {
			ok, err := k.matches(message{twilioMessage, evidence{Request: &again}}, claimed)
			if err != nil {
				return err
			}
			found = found || ok
		}
	}
	if !found {
		return reject("signature does not match; it is over server.public_url, too")
	}
	return nil
}

// checkTwilioBody compares the body with its hash in the query. A body that is
// neither a form nor has a hash is not signed at all.
func checkTwilioBody(r *Request) error {
	want := r.queryValues()[twilioBodyHash]
	if len(want) == 0 {
		if len(r.Body) > 0 && !isForm(r) {
			return reject("the body is not signed: it is no form, and no %s is in the query", twilioBodyHash)
		}
		return nil
	}
	claimed, err := hex.DecodeString(want[0])
	sum := sha256.Sum256(r.Body)
	if len(want) > 1 || err != nil || !hmac.Equal(claimed, sum[:]) {
		return reject("the body is not the one of %s in the query", twilioBodyHash)
	}
	return nil
}

// twilioField is what Twilio's names look like: MediaUrl0, ReasonConferenceEnded,
// MessagingBinding.Address, SipHeader_X-Account. Nothing stands in the message
// between a name and its value, nor between a value and the next name, so a form
// can be cut elsewhere; a number, an address or a sentence is no name.
var twilioField = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]*$`)

// writeTwilioFields refuses a field that is there twice: the libraries of Twilio
// sign it once, so that its copy would be anybody's.
func writeTwilioFields(w io.Writer, e evidence, _ []byte) error {
	if e.queryValues().Has(twilioBodyHash) || len(e.Body) == 0 {
		return nil
	}
	values, err := e.formValues()
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if len(values[name]) > 1 {
			return reject("form field is there %d times", len(values[name]))
		}
		if !twilioField.MatchString(name) {
			return reject("form field has a name that is none of Twilio's")
		}
		if _, err := io.WriteString(w, name+values[name][0]); err != nil {
			return err
		}
	}
	return nil
}

// twilioURLs are the spellings of a URL that Twilio may have signed: with the
// port and without, and with an apostrophe as such or escaped.
func twilioURLs(text string) []string {
	u, err := url.Parse(text)
	if err != nil || text == "" {
		return []string{text}
	}
	host, port := u.Hostname(), u.Port()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	standard := map[string]string{"https": "443", "http": "80"}[u.Scheme]
	hosts := []string{u.Host, host}
	if port == "" {
		hosts = append(hosts, host+":"+standard)
	}
	var spellings []string
	for _, h := range hosts {
		with := strings.Replace(text, u.Host, h, 1)
		spellings = append(spellings, with, strings.ReplaceAll(with, "'", "%27"), strings.ReplaceAll(with, "%27", "'"))
	}
	slices.Sort(spellings)
	return slices.Compact(spellings)
}

func (p *twilio) sign(r *Request) error {
	if len(r.Body) > 0 && !isForm(r) {
		sum := sha256.Sum256(r.Body)
		r.setQuery(twilioBodyHash, hex.EncodeToString(sum[:]))
		if before, _, _ := strings.Cut(r.URL, "?"); before != "" {
			r.URL = before + "?" + r.RawQuery
		}
	}
	sum, err := p.keys[0].sign(message{twilioMessage, evidence{Request: r}})
	if err != nil {
		return err
	}
	return p.field.write(r, pairs{}, sum)
}

// twilioIDs are signed, as I-Twilio-Idempotency-Token is not, and most events of
// a message or call have the same one.
var twilioIDs = known("form:MessageSid", "form:CallSid")

// identify takes what is signed as a whole for the id of what has none.
func (p *twilio) identify(r *Request) naming {
	return naming{id: cmp.Or(twilioIDs.peek(r), p.apart(r)), signsID: true}
}

// apart is the signature: it is over all there is of an event, so two that differ
// in anything have two, and one that is sent again has the same.
func (p *twilio) apart(r *Request) string {
	_, claimed, err := p.field.read(r)
	if err != nil {
		return ""
	}
	return hex.EncodeToString(claimed[0]) // base64 is written with its padding and without
}

func (p *twilio) places() sources { return p.field.from }

func (p *twilio) secrets() sources { return nil }
