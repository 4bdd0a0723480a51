package rules

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/hooktender/hooktender/rules/verify"
)

// A Signing says how a request proves who sends it: as the provider of a preset
// signs its own.
type Signing struct {
	Preset string   `json:"preset"`
	Secret Text     `json:"secret"`
	Params []EnvVar `json:"params,omitempty"` // what the scheme needs beside it
	Event  string   `json:"event,omitempty"`  // for schemes with a header for it
}

var signings = kind[*Signing]{node.signing, func() *schema {
	s := namedOf(&schema{Enum: verify.Presets()}, &schema{AnyOf: []*schema{aText("")(), {Type: []string{"object"}}}})
	s.Title, s.MinProperties, s.MaxProperties = "a provider's name with its secret", 1, 1
	return s
}}

// signing reads the name of a preset and its secret, and signs something on trial:
// what only the provider can sign is no way to sign.
func (n node) signing() *Signing {
	before, unread := len(n.d.problems), len(n.d.unread)
	var found []*Signing
	for key, value := range n.entries() {
		if _, known := verify.Preset(key.Value); !known {
			key.problem("there is no preset %q%s", key.Value, suggestPreset(key.Value))
			continue
		}
		p := readProof(key, value)
		s := &Signing{Preset: key.Value}
		s.readSecret(value, p.scheme.SecretName())
		if len(n.d.problems) == before && len(n.d.unread) == unread {
			if err := p.trySigning(); err != nil {
				key.problem("%s: nothing can be signed like that: %v", key.Value, err)
			}
		}
		found = append(found, s)
	}
	switch {
	case len(n.d.problems) > before:
		return nil
	case len(found) != 1:
		n.problem("must name one scheme, but names %d", len(found))
		return nil
	}
	return found[0]
}

func suggestPreset(name string) string {
	if best := nearest(strings.ReplaceAll(name, "_", "-"), verify.Presets(), (len(name)+2)/3); best != "" {
		return fmt.Sprintf("; did you mean %q?", best)
	}
	return "; `hooktender providers` lists them"
}

// readSecret reads what readProof reads, as references: it is stored with each
// run.
func (s *Signing) readSecret(n node, secretName string) {
	if n.Kind != yaml.MappingNode {
		s.Secret = n.secretReference()
		return
	}
	for key, value := range n.entries() {
		switch {
		case key.Value == secretName:
			s.Secret = value.secretReference()
		case value.Kind == yaml.ScalarNode:
			text, err := parseReferences(value.Value, n.file.folder())
			if err != nil {
				continue // told by readProof
			}
			s.Params = append(s.Params, EnvVar{key.Value, text})
		}
	}
}

// secretReference reads a secret that is stored where it is used, which a
// reference can be and a secret cannot.
func (n node) secretReference() Text {
	if n.Kind == yaml.SequenceNode {
		n.problem("is a list, but one secret does it; the receiver is the one who has several while they change")
		return nil
	}
	if n.Kind != yaml.ScalarNode || n.Value == "" {
		return nil // told by who reads the secret
	}
	text, err := parseReferences(n.Value, n.file.folder())
	if err == nil && !slices.ContainsFunc(text, func(p Part) bool { return p.Ref != "" }) {
		n.problem("is a secret written out, and what a run does is stored and shown; write ${env:NAME}, ${file:PATH} or ${credential:NAME}")
	}
	return text
}

// trySigning signs a request of either kind.
func (p *proof) trySigning() error {
	if len(p.secrets) == 0 {
		return errors.New("it needs the secret")
	}
	verifier, err := p.scheme.Compile(p.secrets, p.params)
	if err != nil {
		return err
	}
	var failed error
	for content, body := range map[string]string{typeJSON: "{}", typeForm: "a=b"} {
		err := verifier.Sign(&verify.Request{
			Method: http.MethodPost, URL: "https://example.com/", Path: "/", Header: http.Header{"Content-Type": {content}},
			Body: []byte(body), Now: time.Unix(1_700_000_000, 0),
		})
		if err == nil {
			return nil
		}
		failed = err
	}
	return failed
}

// Sign signs a request that is complete, as its sender at a time, and returns its
// body, into which some schemes write. id is the event's, for schemes that have a
// header for it. reveal fills in a reference.
func (s *Signing) Sign(req *http.Request, body []byte, id string, now time.Time, reveal func(Text) (string, error)) ([]byte, error) {
	verifier, scheme, err := s.compile(reveal)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	whole := *req.URL
	whole.User, whole.Fragment = nil, ""
	r := &verify.Request{Method: req.Method, URL: whole.String(), Path: req.URL.Path, RawQuery: req.URL.RawQuery, Header: req.Header, Body: body, Now: now}
	setHeaderAt(r, scheme.ID, id)
	setHeaderAt(r, scheme.Event, s.Event)
	if err := verifier.Sign(r); err != nil {
		return nil, fmt.Errorf("sign as %s: %w", s.Preset, err)
	}
	req.Header, req.URL.RawQuery = r.Header, r.RawQuery
	return r.Body, nil
}

func (s *Signing) compile(reveal func(Text) (string, error)) (*verify.Verifier, verify.Scheme, error) {
	scheme, ok := verify.Preset(s.Preset)
	if !ok {
		return nil, scheme, fmt.Errorf("there is no preset %q any more", s.Preset)
	}
	secret, err := reveal(s.Secret)
	if err != nil {
		return nil, scheme, err
	}
	params := map[string]string{}
	for _, p := range s.Params {
		if params[p.Name], err = reveal(p.Value); err != nil {
			return nil, scheme, err
		}
	}
	verifier, err := scheme.Compile([]verify.Secret{verify.Secret(secret)}, params)
	return verifier, scheme, err
}

// setHeaderAt writes what a scheme wants in a header, if it is not there.
func setHeaderAt(r *verify.Request, places verify.Sources, value string) {
	if len(places) == 0 || value == "" {
		return
	}
	name, isHeader := strings.CutPrefix(places[0], "header:")
	if isHeader && r.Header.Get(name) == "" {
		r.Header.Set(name, value)
	}
}
