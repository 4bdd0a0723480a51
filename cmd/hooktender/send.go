package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/rules/verify"
	"github.com/hooktender/hooktender/server"
)

// payloads are deliveries as providers really sent them: payloads/PROVIDER/EVENT.json.
//
//go:embed payloads
var payloads embed.FS

// outgoing is a request as a provider would send it.
type outgoing struct {
	provider string
	event    string
	url      string
	secret   verify.Secret
	params   map[string]string
	body     []byte
}

func sendCommand() *cobra.Command {
	var to, secret, payload string
	var set, params []string
	cmd := &cobra.Command{
		Use:   "send PROVIDER [EVENT]",
		Short: "Send a request signed as a provider signs it",
		Long: `Send makes a genuine request: a recorded delivery of the provider, signed with
your secret. It prints the answer, and exits with 0 if that is a 2xx.

A secret on a command line can be seen by everyone on the machine; write
--secret '${env:NAME}' or '${file:PATH}' to have it read from there. Providers that
sign with a key of their own are played with a private key in PEM, whose public
half the hook has to know.`,
		Example: `  hooktender send github push --to http://127.0.0.1:9000/github/website --secret '${env:SECRET}'
  hooktender send github push --to … --secret … --set ref=refs/heads/main
  hooktender send bearer --to … --secret … --payload alarm.json`,
		Args: usage(cobra.RangeArgs(1, 2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if to == "" || secret == "" {
				return usageError{errors.New("--to URL and --secret SECRET are needed")}
			}
			o := outgoing{provider: args[0], url: to}
			if len(args) > 1 {
				o.event = args[1]
			}
			var err error
			if o.secret, err = readSecret(secret); err != nil {
				return usageError{fmt.Errorf("--secret: %w", err)}
			}
			if o.params, err = readParams(params); err != nil {
				return usageError{err}
			}
			if o.body, err = o.payload(payload); err != nil {
				return usageError{err}
			}
			if o.body, err = setFields(o.body, set); err != nil {
				return usageError{err}
			}
			return o.print(cmd)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&to, "to", "", "URL of the hook")
	flags.StringVar(&secret, "secret", "", "the secret, or ${env:NAME} or ${file:PATH}")
	flags.StringVar(&payload, "payload", "", "file with the body instead of a recorded one; - for standard input")
	flags.StringArrayVar(&params, "param", nil, "what the provider needs beside the secret: NAME=VALUE, as in topic=arn:aws:sns:…")
	flags.StringArrayVar(&set, "set", nil, "change a field of a JSON body: a.b=c; true, false, null and numbers are taken as such")
	return cmd
}

// readSecret reads a secret that may be given as a reference.
func readSecret(s string) (verify.Secret, error) {
	if ref, ok := strings.CutPrefix(s, "${"); ok && strings.HasSuffix(ref, "}") {
		return rules.Reference(strings.TrimSuffix(ref, "}")).Read()
	}
	return verify.Secret(s), nil
}

func readParams(list []string) (map[string]string, error) {
	params := map[string]string{}
	for _, s := range list {
		name, value, ok := strings.Cut(s, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("--param %s: write NAME=VALUE", s)
		}
		params[name] = value
	}
	return params, nil
}

// recorded lists the events of which a provider's delivery is at hand.
func recorded(provider string) []string {
	entries, err := payloads.ReadDir(path.Join("payloads", provider))
	if err != nil {
		return nil
	}
	var events []string
	for _, e := range entries {
		events = append(events, strings.TrimSuffix(e.Name(), ".json"))
	}
	return events
}

// payload is the body to send: a file's, the recorded one of the event, or an
// empty object for a provider of which nothing is recorded.
func (o *outgoing) payload(file string) ([]byte, error) {
	switch {
	case file == "-":
		return io.ReadAll(os.Stdin)
	case file != "":
		return os.ReadFile(file)
	}
	events := recorded(o.provider)
	if len(events) == 0 {
		return []byte("{}"), nil
	}
	if o.event == "" {
		o.event = "push"
	}
	if !slices.Contains(events, o.event) {
		return nil, fmt.Errorf("no %s delivery of %s is recorded; recorded are %s; for another give --payload FILE",
			o.event, o.provider, strings.Join(events, ", "))
	}
	body, err := payloads.ReadFile(path.Join("payloads", o.provider, o.event+".json"))
	o.event, _, _ = strings.Cut(o.event, "-") // push-tag is a push of a tag
	return body, err
}

// setFields changes fields of a JSON body as --set says.
func setFields(body []byte, set []string) ([]byte, error) {
	var fields []rules.Field
	for _, s := range set {
		name, value, ok := strings.Cut(s, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("--set %s: write FIELD=VALUE, as in head_commit.message=hello", s)
		}
		fields = append(fields, rules.Field{Path: name, Value: fieldValue(value)})
	}
	body, err := changeFields(body, fields)
	if err != nil {
		return nil, fmt.Errorf("--set %w", err)
	}
	return body, nil
}

// changeFields changes fields of a JSON body. Numbers that are not touched keep
// their digits.
func changeFields(body []byte, fields []rules.Field) ([]byte, error) {
	if len(fields) == 0 {
		return body, nil
	}
	var object map[string]any
	if err := decodeNumbers(body, &object); err != nil {
		return nil, fmt.Errorf("needs a body that is a JSON object: %w", err)
	}
	if object == nil {
		object = map[string]any{}
	}
	for _, f := range fields {
		var value any
		if err := decodeNumbers(f.Value, &value); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Path, err)
		}
		if err := setField(object, strings.Split(f.Path, "."), value); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(object)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// decodeNumbers reads JSON and leaves numbers as they are written.
func decodeNumbers(text []byte, v any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return decoder.Decode(v)
}

func setField(object map[string]any, path []string, value any) error {
	name := path[0]
	if len(path) == 1 {
		object[name] = value
		return nil
	}
	if object[name] == nil {
		object[name] = map[string]any{}
	}
	below, ok := object[name].(map[string]any)
	if !ok {
		return fmt.Errorf("%s is no object", name)
	}
	return setField(below, path[1:], value)
}

// fieldValue takes a number, true, false or null as such and all else as text.
func fieldValue(s string) json.RawMessage {
	if text := []byte(s); json.Valid(text) {
		return text
	}
	text, _ := json.Marshal(s) // a text can always be written
	return text
}

// request makes the signed request.
func (o *outgoing) request(ctx context.Context) (*http.Request, error) {
	scheme, ok := verify.Preset(o.provider)
	if !ok {
		_, err := findProvider(o.provider)
		return nil, err
	}
	params, secret := o.params, o.secret
	if params == nil {
		params = map[string]string{}
	}
	if scheme.Type == "basic" {
		user, password, _ := strings.Cut(o.secret.Reveal(), ":")
		params["user"], secret = user, verify.Secret(password)
	}
	signer, err := scheme.Compile([]verify.Secret{secret}, params)
	if err != nil {
		return nil, usageError{fmt.Errorf("--secret: %w", err)}
	}
	u, err := url.Parse(o.url)
	if err != nil || u.Host == "" {
		return nil, usageError{fmt.Errorf("--to: %q is not a URL like http://127.0.0.1:9000/github", o.url)}
	}
	signed := &verify.Request{Method: http.MethodPost, URL: o.url, Path: u.Path, RawQuery: u.RawQuery,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: o.body, Now: time.Now()}
	if o.event != "" {
		if err := signer.SetEvent(signed, o.event); err != nil {
			return nil, usageError{err}
		}
	}
	if err := signer.Sign(signed); err != nil {
		return nil, fmt.Errorf("sign the request: %w", err)
	}
	u.RawQuery = signed.RawQuery
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(signed.Body))
	if err != nil {
		return nil, err
	}
	req.Header = signed.Header
	req.Header.Set("User-Agent", "hooktender/"+versionText())
	if run := os.Getenv("HOOKTENDER_RUN"); run != "" {
		req.Header.Set(server.RunHeader, run) // who sends from a script says so, and a loop is found
	}
	return req, nil
}

// sendWithin is how long the receiver may take.
const sendWithin = time.Minute

// send returns the answer's status and body.
func (o *outgoing) send(ctx context.Context) (status string, good bool, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, sendWithin)
	defer cancel()
	req, err := o.request(ctx)
	if err != nil {
		return "", false, nil, err
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		var urlErr *url.Error
		if errors.As(err, &urlErr) { // its text has the URL, which may hold the secret
			err = urlErr.Err
		}
		return "", false, nil, unreachableError{fmt.Errorf("the receiver cannot be reached: %w", err)}
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp.Status, resp.StatusCode/100 == 2, body, err
}

func (o *outgoing) print(cmd *cobra.Command) error {
	status, good, body, err := o.send(cmd.Context())
	if err != nil {
		return err
	}
	fmt.Fprintln(cmd.OutOrStdout(), status)
	if len(body) > 0 {
		fmt.Fprintln(cmd.OutOrStdout(), strings.TrimRight(string(body), "\n"))
	}
	if !good {
		return silent(exitNo)
	}
	return nil
}
