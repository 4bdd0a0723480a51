package server

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/hooktender/hooktender/rules"
)

// shake answers a request with which a provider checks the address of a hook.
// No rule is asked about it, and nothing runs. It returns false for any other
// request.
func (in *Intake) shake(w http.ResponseWriter, r *http.Request, place *place, hook *rules.Hook, req *rules.Request) bool {
	a, err := hook.Handshake(req, req.ReceivedAt)
	if err != nil {
		in.disbelieve(w, r, place, hook, req, err)
		return true
	}
	if a == nil {
		return false
	}
	if err := in.receive(hook, req, a); err != nil {
		in.reject(w, hook, req, err)
		return true
	}
	d := delivery(hook, req)
	d.Verdict, d.Reason = rules.Ignored, "handshake answered: "+a.Handshake
	d.Body = nil // anybody can send it, and the answer is all there is to it
	in.store.Record(d)
	in.tell(slog.LevelInfo, "handshake answered", "hook", d.Hook, "handshake", a.Handshake, "remote_ip", d.RemoteIP)
	for name, values := range a.Header {
		w.Header()[name] = values
	}
	answerPlain(w, a.Status, string(a.Body))
	return true
}

// errUnkept is why a secret that a provider brought is not taken.
type errUnkept struct{ error }

// receive keeps the secret that a handshake brings, if it does. Only then may it
// be answered: a provider that has its answer does not send the secret again.
func (in *Intake) receive(hook *rules.Hook, req *rules.Request, a *rules.Answer) error {
	if a.Secret == "" {
		return nil
	}
	if in.Receive == nil {
		return errUnkept{errors.New("nothing here keeps the secret")}
	}
	err := in.Receive(a.Keep, a.Secret)
	if errors.Is(err, fs.ErrExist) {
		return unproven{fmt.Errorf("the hook has its secret, in %s", a.Keep)}
	}
	if err != nil {
		return errUnkept{fmt.Errorf("the secret cannot be kept: %w", err)}
	}
	in.log.Warn("the hook's secret has arrived; if it was not you who asked the provider for it, remove the file and reload",
		"hook", hook.Path, "handshake", a.Handshake, "remote_ip", req.RemoteIP.String(), "file", a.Keep)
	return nil
}

// receipt tells a genuine sender what its provider insists on, if it does.
func receipt(w http.ResponseWriter, hook *rules.Hook) bool {
	r := hook.Receipt()
	if r != nil {
		answerPlain(w, r.Status, r.Body)
	}
	return r != nil
}

// answerPlain writes a text, which no browser may take for anything else.
func answerPlain(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	if text != "" && h.Get("Content-Type") == "" {
		h.Set("Content-Type", "text/plain; charset=utf-8")
	}
	if status != http.StatusNoContent {
		h.Set("Content-Length", strconv.Itoa(len(text)))
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}
