package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"github.com/hooktender/hooktender/runner"
)

// The library waits for an answer as long as this client does: most of its
// services use it, and none knows a context. Nothing of ours does.
func init() { http.DefaultClient.Timeout = time.Minute }

// sendByURL tells a service by its shoutrrr URL, as in pushover://shoutrrr:token@user
// (https://shoutrrr.nickfedor.com/latest/services/overview/). The text is cut to
// what the service takes. It returns when ctx is done, though what is under way
// then ends by a time limit of its own: it may still arrive.
//
// The error never holds the URL or a part of it that may be secret. It is final
// where the service said that the request is wrong.
func sendByURL(ctx context.Context, serviceURL, title, text string) error {
	name, err := serviceName(serviceURL)
	if err != nil {
		return &runner.PerformError{Err: err, Final: true}
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: the attempt ended before it was asked: %w", name, ctx.Err())
	}
	done := make(chan error, 1)
	go func() { done <- tell(name, serviceURL, title, text) }()
	select {
	case err = <-done:
	case <-ctx.Done():
		return fmt.Errorf("%s: no answer before the attempt ended: %w", name, ctx.Err())
	}
	if err != nil {
		return explainService(name, serviceURL, err)
	}
	return nil
}

// tell makes the service ready, for which some already ask their server, and
// sends. The library has services that panic where a server cannot be reached.
func tell(name, serviceURL, title, text string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("could not be reached")
		}
	}()
	service, err := openService(name, serviceURL)
	if err != nil {
		return &runner.PerformError{Err: err, Final: name != "matrix"}
	}
	title, text = forService(name, serviceURL, cutLine(title, titleRunes), text)
	params := types.Params{}
	if title != "" {
		params.SetTitle(title)
	}
	return service.Send(text, &params)
}

// CheckURL says what is wrong with a shoutrrr URL, as far as can be told
// without asking the service: an unknown service, or a part that is missing. Of a
// URL with references, as in ${env:TOKEN}, only the service is looked at. The
// error never holds the URL.
func CheckURL(serviceURL string) (err error) {
	name, err := serviceName(serviceURL)
	if err != nil || strings.Contains(serviceURL, "${") || name == "matrix" { // matrix signs in where it is made ready
		return err
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the URL of %s cannot be read", name)
		}
	}()
	if _, err := openService(name, serviceURL); err != nil {
		return fmt.Errorf("the URL of %s: %s", name, hideURL(err.Error(), serviceURL))
	}
	return nil
}

// serviceName is the service that a URL is for: what comes before "://", or
// before "+" where an address of one's own follows, as in generic+https.
func serviceName(serviceURL string) (string, error) {
	scheme, _, ok := strings.Cut(serviceURL, "://")
	if !ok {
		return "", fmt.Errorf("this is no URL of a service: want service://…, where service is one of %s", strings.Join(shoutrrrServices(), ", "))
	}
	name, _, _ := strings.Cut(strings.ToLower(scheme), "+")
	if name == "smtp" || name == "smtps" {
		return "", errors.New("mail is not sent by url: set email instead")
	}
	if !slices.Contains(shoutrrrServices(), name) && name != "hangouts" {
		return "", fmt.Errorf("the service %q is not known: want one of %s", cutLine(name, 30), strings.Join(shoutrrrServices(), ", "))
	}
	return name, nil
}

// shoutrrrServices lists what there is to choose from: neither what only writes a log,
// nor mail, nor the old name of a service.
func shoutrrrServices() []string {
	list := new(router.ServiceRouter).ListServices()
	list = slices.DeleteFunc(list, func(s string) bool { return s == "logger" || s == "smtp" || s == "hangouts" })
	slices.Sort(list)
	return list
}

// openService makes a service of its URL. The library does the same, and throws
// the reason away where it fails.
func openService(name, serviceURL string) (types.Service, error) {
	u, err := url.Parse(serviceURL)
	if err != nil {
		return nil, errors.New("cannot be read: write what is special in a token as %XX")
	}
	service, err := new(router.ServiceRouter).NewService(name)
	if err != nil {
		return nil, err
	}
	if strings.Contains(u.Scheme, "+") {
		custom, ok := service.(types.CustomURLService)
		if !ok {
			return nil, fmt.Errorf("%s takes no address of one's own after a +", name)
		}
		if u, err = custom.GetConfigURLFromCustom(u); err != nil {
			return nil, err
		}
	}
	return service, service.Initialize(u, nil)
}

// answered finds the status in the library's words: alone at their end, named as
// a status, with its text, or as the beginning of ntfy's own numbers.
var answered = regexp.MustCompile(`(?:: |[Hh]TTP |status "?)([45]\d\d)(?:$|\b[ "])|\b([45]\d\d) [A-Z][a-z]|^failed to send ntfy .*\(([45]\d\d)\d\d\)`)

// explainService makes of the library's words what the runner and a person are
// told.
func explainService(name, serviceURL string, err error) error {
	text := hideURL(err.Error(), serviceURL)
	final := false
	if e, ok := errors.AsType[*runner.PerformError](err); ok {
		final = e.Final
	} else if status := statusIn(text); status != 0 {
		final = status < 500 && status != http.StatusRequestTimeout && status != http.StatusTooEarly && status != http.StatusTooManyRequests
		text = fmt.Sprintf("answered %d %s", status, http.StatusText(status))
		switch status {
		case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
			text += ": check the token and the other parts of its URL"
		}
	}
	return &runner.PerformError{Err: fmt.Errorf("%s: %s", name, text), Final: final}
}

func statusIn(text string) int {
	for _, found := range answered.FindAllStringSubmatch(text, -1) {
		status, _ := strconv.Atoi(found[1] + found[2] + found[3])
		if http.StatusText(status) != "" {
			return status
		}
	}
	return 0
}

var (
	anyURL       = regexp.MustCompile(`[a-z+]+://[^\s"']+`)
	queryName    = regexp.MustCompile(`([?&])\w+=`)
	betweenParts = regexp.MustCompile(`[^A-Za-z0-9]+`)
)

// hideURL takes out of a text what may come from the URL: addresses, which the
// library builds from it, and every part that is long enough to be a secret, as
// it is written and as it is meant. The names of settings stay.
func hideURL(text, serviceURL string) string {
	text = anyURL.ReplaceAllString(text, "***")
	_, rest, _ := strings.Cut(serviceURL, "://")
	rest = queryName.ReplaceAllString(rest, "$1")
	var parts []string
	if u, err := url.Parse(serviceURL); err == nil {
		password, _ := u.User.Password()
		parts = append(parts, u.User.Username(), password, u.Host)
		for segment := range strings.SplitSeq(u.EscapedPath(), "/") {
			plain, _ := url.PathUnescape(segment)
			parts = append(parts, plain)
		}
		for _, values := range u.Query() {
			parts = append(parts, values...)
		}
	}
	whole := strings.Join(parts, " ") + " " + rest
	parts = append(parts, strings.FieldsFunc(whole, isURLMark)...)
	parts = append(parts, betweenParts.Split(whole, -1)...)
	slices.SortFunc(parts, func(a, b string) int { return len(b) - len(a) })
	for _, part := range parts {
		if len(part) >= 4 {
			text = strings.ReplaceAll(text, part, "***")
		}
	}
	return cutLine(text, 300)
}

func isURLMark(r rune) bool { return strings.ContainsRune(" :/?#@&=", r) }
