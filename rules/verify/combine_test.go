package verify

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// member compiles a preset to stand among others.
func member(t *testing.T, name string, secrets ...Secret) Member {
	t.Helper()
	return Member{name, preset(t, name, secrets...)}
}

// answering is a member that has one answer.
func answering(name string, err error) Member {
	return Member{name, &Verifier{proof: fixed{err}}}
}

// fixed is the proof of such a member.
type fixed struct{ err error }

func (f fixed) verify(*Request) error { return f.err }
func (f fixed) sign(*Request) error   { return f.err }
func (fixed) places() sources         { return nil }
func (fixed) secrets() sources        { return nil }

func TestCombined(t *testing.T) {
	yes, no := answering("yes", nil), answering("no", reject("it is wrong"))
	other, later := answering("other", reject("it is missing")), answering("later", &Unavailable{"it cannot be fetched"})
	for name, c := range map[string]struct {
		v       *Verifier
		refused string // "": believed
		later   bool   // it cannot be told now
	}{
		"any, the first":              {Any(yes, no), "", false},
		"any, the last":               {Any(no, other, yes), "", false},
		"any, none":                   {Any(no, other), "no proof holds: no: it is wrong; other: it is missing", false},
		"any of one":                  {Any(no), "no proof holds: no: it is wrong", false},
		"any, one later":              {Any(no, later), "no: it is wrong; later: it cannot be fetched", true},
		"any, one later and one good": {Any(later, yes), "", false},
		"all":                         {All(yes, yes), "", false},
		"all, not the first":          {All(no, yes), "not every proof holds: no: it is wrong", false},
		"all, not the last":           {All(yes, no), "not every proof holds: no: it is wrong", false},
		"all, none":                   {All(no, other), "not every proof holds: no: it is wrong; other: it is missing", false},
		"all, one later":              {All(yes, later), "later: it cannot be fetched", true},
		"all, one later and one bad":  {All(later, no), "not every proof holds: later: it cannot be fetched; no: it is wrong", false},
		"any of all":                  {Any(no, Member{"all", All(yes, yes)}), "", false},
		"any of all that fail":        {Any(no, Member{"all", All(yes, no)}), "no proof holds: no: it is wrong; all: not every proof holds: no: it is wrong", false},
		"all of any":                  {All(yes, Member{"any", Any(no, yes)}), "", false},
		"all of any that fail":        {All(yes, Member{"any", Any(no)}), "not every proof holds: any: no proof holds: no: it is wrong", false},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.v.Verify(newRequest())
			if c.refused == "" != (err == nil) || err != nil && err.Error() != c.refused {
				t.Fatalf("%v, want %q", err, c.refused)
			}
			_, rejected := errors.AsType[*Rejection](err)
			if _, later := errors.AsType[*Unavailable](err); err != nil && (later != c.later || rejected == c.later) {
				t.Errorf("%T", err)
			}
		})
	}
}

// Whatever members there are, what is signed is believed, and what is changed
// then is not.
func TestCombinedSigns(t *testing.T) {
	token := Member{"token", compile(t, Scheme{Type: "token", Token: Sources{"query:key"}})}
	for name, v := range map[string]*Verifier{
		"any":                       Any(member(t, "github"), member(t, "bearer")),
		"all":                       All(member(t, "github"), member(t, "bearer")),
		"any after one that cannot": Any(answering("mtls", errors.New("cannot")), member(t, "github")),
		"all, nested":               All(member(t, "bearer"), Member{"any", Any(member(t, "github"), member(t, "gitlab"))}),
	} {
		r := mustSign(t, v, newRequest())
		if !v.Carries(r) || v.Carries(newRequest()) {
			t.Errorf("%s: whether it carries a proof is not known", name)
		}
		if err := v.Verify(r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		r = r.clone()
		r.Body = append(r.Body, ' ')
		checkVerdict(t, v.Verify(r), false)
	}
	// A token in the query is part of a URL that another signs.
	if v := All(member(t, "square"), token); !v.NeedsURL() || Any(token).NeedsURL() {
		t.Error("which member signs the URL is not known")
	}
	if err := All(answering("mtls", errors.New("cannot")), member(t, "github")).Sign(newRequest()); err == nil || !strings.Contains(err.Error(), "mtls: cannot") {
		t.Errorf("signed what cannot be: %v", err)
	}
}

// Any member's secret is enough for any, and for all none of them alone.
func TestCombinedNeedsItsMembers(t *testing.T) {
	github, bearer := member(t, "github"), member(t, "bearer", otherSecret)
	for _, m := range []Member{github, bearer} {
		r := mustSign(t, m.Verifier, newRequest())
		if err := Any(github, bearer).Verify(r); err != nil {
			t.Errorf("any, with %s: %v", m.Name, err)
		}
		if err := All(github, bearer).Verify(r.clone()); err == nil {
			t.Errorf("all, with %s alone, is believed", m.Name)
		}
	}
	forged := mustSign(t, preset(t, "bearer"), newRequest()) // GitHub's secret is no token
	for _, v := range []*Verifier{Any(github, bearer), All(github, bearer)} {
		err := v.Verify(forged.clone())
		if err == nil || strings.Contains(err.Error(), string(testSecret)) || strings.Contains(err.Error(), string(otherSecret)) {
			t.Errorf("a secret in another's place: %v", err)
		}
	}
}

// Event and id are the believing member's: the others' places may hold whatever
// the sender likes.
func TestCombinedIdentifies(t *testing.T) {
	github, gitlab := member(t, "github"), member(t, "gitlab", otherSecret)
	r := newRequest()
	r.Header.Set("X-GitHub-Event", "push")
	r.Header.Set("X-GitHub-Delivery", "1")
	r.Header.Set("X-Gitlab-Event", "Tag Push Hook")
	r.Header.Set("Idempotency-Key", "2")
	identify := func(v *Verifier, r *Request, wantEvent, wantID string) {
		t.Helper()
		if err := v.Verify(r); err != nil {
			t.Fatal(err)
		}
		if event, id := v.Identify(r); event != wantEvent || id != wantID {
			t.Errorf("event %q, id %q; want %q, %q", event, id, wantEvent, wantID)
		}
	}
	any := Any(github, gitlab)
	identify(any, mustSign(t, github.Verifier, r.clone()), "push", "1")
	identify(any, mustSign(t, gitlab.Verifier, r.clone()), "Tag Push Hook", "2")
	bearer := member(t, "bearer")
	identify(Any(bearer, github), mustSign(t, bearer.Verifier, r.clone()), "", "")
	identify(All(bearer, github), mustSign(t, All(bearer, github), r.clone()), "push", "1")
	nested := Any(Member{"all", All(bearer, github)}, gitlab)
	identify(nested, mustSign(t, gitlab.Verifier, r.clone()), "Tag Push Hook", "2")
	if event, id := any.Identify(r.clone()); event != "push" || id != "1" {
		t.Errorf("before anybody was asked: %q, %q", event, id)
	}
	if !Any(bearer, github).NamesEvents() || Any(bearer).NamesEvents() {
		t.Error("whether it names events is not known")
	}
}

// Of all, a signed id counts before one that anybody can change, whatever the
// order, and so does the name of an event.
func TestSignedIDsComeFirst(t *testing.T) {
	gitlab, signed := member(t, "gitlab", otherSecret), member(t, "standard-webhooks", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
	for _, v := range []*Verifier{All(gitlab, signed), All(signed, gitlab), All(Member{"all", All(gitlab, signed)}), All(member(t, "bearer"), gitlab, signed)} {
		r := newRequest()
		r.Body = []byte(`{"type":"paid"}`)
		r.Header.Set("webhook-id", "signed")
		mustSign(t, v, r)
		for _, another := range []string{"", "1", "2"} {
			again := r.clone()
			again.Header.Set("Idempotency-Key", another)
			again.Header.Set("X-Gitlab-Event", another)
			if err := v.Verify(again); err != nil {
				t.Fatal(err)
			}
			event, id := v.Identify(again)
			if apart := v.EventApart(again); event != "paid" || id != "signed" || apart != "paid" {
				t.Errorf("event %q, id %q, apart by %q", event, id, apart)
			}
		}
	}
}

func TestCombinedMasksWhatAnyMemberMasks(t *testing.T) {
	token := Member{"token", compile(t, Scheme{Type: "token", Token: Sources{"query:key"}})}
	whatsapp := member(t, "whatsapp")
	for _, v := range []*Verifier{Any(member(t, "gitlab"), token, whatsapp), All(token, Member{"any", Any(member(t, "gitlab"), whatsapp)})} {
		headers, query := v.Sensitive()
		slices.Sort(query)
		if !slices.Equal(headers, []string{"X-Gitlab-Token"}) || !slices.Equal(query, []string{"hub.verify_token", "key"}) {
			t.Errorf("masks %q and %q", headers, query)
		}
	}
}

// A handshake of any member is answered. Among all, a signed one needs every
// proof; among any, its own, and what another member believes is that one's event.
func TestCombinedHandshakes(t *testing.T) {
	slack, bearer, whatsapp := member(t, "slack"), member(t, "bearer", otherSecret), member(t, "whatsapp")
	challenge := func() *Request {
		r := newRequest()
		r.Body = []byte(`{"type":"url_verification","challenge":"abc"}`)
		return r
	}
	get := newRequest()
	get.Method, get.Body = http.MethodGet, nil
	get.RawQuery = "hub.mode=subscribe&hub.verify_token=meatyhamhock&hub.challenge=123"
	wrong := get.clone()
	wrong.RawQuery = "hub.mode=subscribe&hub.verify_token=other&hub.challenge=123"
	for name, c := range map[string]struct {
		v                *Verifier
		r                *Request
		answered, denied bool
	}{
		"any, signed":                   {Any(bearer, slack), mustSign(t, slack.Verifier, challenge()), true, false},
		"any, signed by nobody":         {Any(bearer, slack), challenge(), false, true},
		"any, another member's event":   {Any(bearer, slack), mustSign(t, bearer.Verifier, challenge()), false, false},
		"any, a token":                  {Any(bearer, whatsapp), get, true, false},
		"any, a wrong token":            {Any(bearer, whatsapp), wrong, false, true},
		"all, signed by one":            {All(bearer, slack), mustSign(t, slack.Verifier, challenge()), false, true},
		"all, signed by all":            {All(bearer, slack), mustSign(t, All(bearer, slack), challenge()), true, false},
		"any within all, signed by one": {All(bearer, Member{"any", Any(slack, whatsapp)}), mustSign(t, slack.Verifier, challenge()), false, true},
		"any within all, signed by all": {All(bearer, Member{"any", Any(slack, whatsapp)}), mustSign(t, All(bearer, slack), challenge()), true, false},
		"all within any, signed by one": {Any(whatsapp, Member{"all", All(bearer, slack)}), mustSign(t, slack.Verifier, challenge()), false, true},
		"no handshake":                  {Any(bearer, slack), newRequest(), false, false},
	} {
		a, err := c.v.Handshake(c.r.clone())
		if (a != nil) != c.answered || (err != nil) != c.denied {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
	if methods := Any(bearer, slack, whatsapp).HandshakeMethods(); !slices.Equal(methods, []string{"POST", "GET"}) {
		t.Errorf("handshakes come by %v", methods)
	}
}
