package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/rules/verify"
)

// sendOptions are the flags of send.
type sendOptions struct {
	to, secret, payload, publicURL string
	set, params, headers           []string
	list                           bool
}

func sendCommand() *cobra.Command {
	var o sendOptions
	cmd := &cobra.Command{
		Use:   "send PROVIDER [EVENT]",
		Short: "Send a request signed as a provider signs it",
		Long: `Send makes a genuine request: a recorded delivery of the provider, signed with
your secret. It prints the answer, and exits with 0 if that is a 2xx. The receiver
can be any URL. --list says what is recorded.

Where a delivery's id stands in the body, each sending has a new one, because the
same id twice is a duplicate.

A secret on a command line can be seen by everyone on the machine; write
--secret '${env:NAME}' or '${file:PATH}' to have it read from there. Providers that
sign with a key of their own are played with a private key in PEM, whose public
half the hook has to know.`,
		Example: `  hooktender send github push --to http://127.0.0.1:9000/github/website --secret '${env:SECRET}'
  hooktender send github push --to … --secret … --set ref=refs/heads/main
  hooktender send mailchimp unsubscribe --to … --secret … --set data.email=bob@example.com
  hooktender send twilio --to http://127.0.0.1:9000/sms --public-url https://hooks.example.com --secret …
  hooktender send bearer --to … --secret … --payload alarm.json
  hooktender send --list gitlab`,
		Args: usage(cobra.MaximumNArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			args = append(args, "", "")
			provider, event := args[0], args[1]
			if o.list {
				return listRecorded(cmd.OutOrStdout(), provider)
			}
			if provider == "" || o.to == "" || o.secret == "" {
				return usageError{errors.New("PROVIDER, --to URL and --secret SECRET are needed")}
			}
			out, err := o.outgoing(cmd, provider, event)
			if err != nil {
				return usageError{err}
			}
			return out.print(cmd)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.to, "to", "", "URL of the hook")
	flags.StringVar(&o.secret, "secret", "", "the secret, or ${env:NAME} or ${file:PATH}")
	flags.StringVar(&o.payload, "payload", "", "file with the body instead of a recorded one; - for standard input")
	flags.StringVar(&o.publicURL, "public-url", "", "what the receiver has as server.public_url, if the URL is signed and is not that of --to")
	flags.StringArrayVar(&o.headers, "header", nil, "a header more, as in 'X-Token: abc'")
	flags.StringArrayVar(&o.params, "param", nil, "what the provider needs beside the secret: NAME=VALUE, as in topic=arn:aws:sns:…")
	flags.StringArrayVar(&o.set, "set", nil, "change a field of the body: a.b=c, alerts[0].status=resolved; in JSON true, false, null and numbers are taken as such")
	flags.BoolVar(&o.list, "list", false, "list the recorded deliveries, of PROVIDER or of all")
	return cmd
}

// outgoing is the request that the flags describe.
func (o *sendOptions) outgoing(cmd *cobra.Command, provider, event string) (*outgoing, error) {
	scheme, known := verify.Preset(provider)
	if !known {
		_, err := findProvider(provider)
		return nil, err
	}
	out := &outgoing{provider: provider, url: o.to, publicURL: o.publicURL}
	var err error
	if out.secret, err = readSecret(o.secret); err != nil {
		return nil, fmt.Errorf("--secret: %w", err)
	}
	if out.params, err = readParams(o.params); err != nil {
		return nil, err
	}
	if out.headers, err = readHeaders(o.headers); err != nil {
		return nil, err
	}
	if err := out.fill(cmd, scheme, event, o.payload); err != nil {
		return nil, err
	}
	out.body, err = setFields(out.body, out.sendsForm(), o.set)
	return out, err
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

func (o *outgoing) print(cmd *cobra.Command) error {
	status, good, body, err := o.send(cmd.Context())
	if err != nil {
		return err
	}
	fmt.Fprintln(cmd.OutOrStdout(), status)
	if len(body) > 0 {
		fmt.Fprintln(cmd.OutOrStdout(), strings.TrimRight(string(body), "\n"))
	}
	if scheme, _ := verify.Preset(o.provider); !good && scheme.NeedsURL() && o.publicURL == "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s signs the URL, here that of --to; give what the receiver has as server.public_url: --public-url https://…\n", o.provider)
	}
	if !good {
		return silent(exitNo)
	}
	return nil
}
