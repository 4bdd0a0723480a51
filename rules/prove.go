package rules

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hooktender/hooktender/rules/verify"
)

// SetEventOf writes the event's name where a provider writes it, whose requests
// the hook has to be for: it fails if the hook verifies those of another one. ""
// is an event that stands in the body already.
func (h *Hook) SetEventOf(r *Request, provider, event string) error {
	if h.preset != "" && h.preset != provider {
		return fmt.Errorf("%s verifies %s, so it would refuse what %s sends", h.Path, h.preset, provider)
	}
	scheme, ok := verify.Preset(provider)
	if !ok {
		return fmt.Errorf("there is no provider %q", provider)
	}
	if event == "" {
		return nil
	}
	sender, err := scheme.Compile([]verify.Secret{verify.StandIn}, nil)
	if err != nil {
		return fmt.Errorf("play %s: %w", provider, err)
	}
	return h.write(r, time.Time{}, func(vr *verify.Request) error { return sender.SetEvent(vr, event) })
}

// Sign makes a request one that the hook's sender has signed at a time. It fails
// where only the provider itself can: with a key that is not the hook's. Where
// the secret cannot be read on this machine, its stand-in signs and judges.
func (h *Hook) Sign(r *Request, now time.Time) error {
	if h.verifier == nil {
		return nil
	}
	if err := h.write(r, now, h.verifier.Sign); err != nil {
		return fmt.Errorf("sign the request: %w", err)
	}
	r.settled = true
	return nil
}

// LeaveUnsigned says of a request without a signature that it is meant to have
// none. One that has one is left to be judged by the secret.
func (h *Hook) LeaveUnsigned(r *Request) {
	if h.verifier != nil && !h.verifier.Carries(h.evidence(r, time.Time{})) {
		r.settled = true
	}
}

// Strip takes out of a request what proves its sender, and whatever else is
// secret in it, so that it can be kept among the hook's own files.
func (h *Hook) Strip(r *Request) error {
	if h.verifier != nil {
		if err := h.write(r, time.Time{}, h.verifier.Strip); err != nil {
			return fmt.Errorf("take out what proves the sender: %w", err)
		}
	}
	r.Header = r.Header.Clone()
	for _, name := range alwaysSecret {
		r.Header.Del(name)
	}
	for name, values := range r.Header {
		if slices.Contains(values, mask) { // by the settings of when it came
			delete(r.Header, name)
		}
	}
	parts := slices.DeleteFunc(strings.Split(r.RawQuery, "&"), func(part string) bool { return strings.HasSuffix(part, "="+mask) })
	r.RawQuery = strings.Join(parts, "&")
	return nil
}

// write lets package verify change a request.
func (h *Hook) write(r *Request, now time.Time, change func(*verify.Request) error) error {
	vr := h.evidence(r, now)
	if vr.Header = r.Header.Clone(); vr.Header == nil {
		vr.Header = http.Header{}
	}
	if err := change(vr); err != nil {
		return err
	}
	r.Header, r.RawQuery, r.Body = vr.Header, vr.RawQuery, vr.Body
	return nil
}
