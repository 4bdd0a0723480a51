package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/server"
)

// tryOptions are the flags of try.
type tryOptions struct {
	client // for --delivery
	hook   string

	payload, event, method, query, remoteIP string
	headers                                 []string

	request  string
	delivery int64
	now      string
	json     bool
}

func tryCommand() *cobra.Command {
	var o tryOptions
	cmd := &cobra.Command{
		Use:   "try [HOOK]",
		Short: "Say what would become of a request, and why, without running anything",
		Long: `Try says whether a request would be believed, what each rule's condition comes to
with the actual values, what exactly would run, and what the sender would be told.
Nothing is run or stored, and no server is needed. HOOK is the path as a sender
would ask for it: /deploy/web for a hook /deploy/:service.

The request is put together of --payload and other flags, or is a recorded one
(--request), or one that a running server has stored (--delivery). A request
without a signature is not judged for that, unless it is a recorded one.

It exits with 0 if a rule would fire, and with 1 if none would, if the sender would
be refused, or if something is wrong.`,
		Example: `  hooktender try /github/website --payload push.json --event push
  hooktender try /deploy/web --payload - --header 'X-Token: …' < alarm.json
  hooktender try --request recorded.http --now 2026-03-01T12:00:00Z
  hooktender try --delivery 17 --file changed.yaml`,
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.hook = args[0]
			}
			if err := o.check(cmd); err != nil {
				return usageError{err}
			}
			return o.run(cmd)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.file, "file", "", "the configuration (default: hooktender.yaml here, or in /etc/hooktender)")
	flags.StringVar(&o.payload, "payload", "", "file with the body; - for standard input")
	flags.StringArrayVar(&o.headers, "header", nil, "a header, as in 'X-Token: abc'")
	flags.StringVar(&o.event, "event", "", "name of the event, written where the hook's provider writes it")
	flags.StringVar(&o.method, "method", "", "HTTP method (default: the first that the hook takes)")
	flags.StringVar(&o.query, "query", "", "query of the URL, as in 'branch=main&n=1'")
	flags.StringVar(&o.remoteIP, "remote-ip", "", "address of the sender")
	flags.StringVar(&o.request, "request", "", "file with a whole HTTP request: request line, headers, body; - for standard input")
	flags.Int64Var(&o.delivery, "delivery", 0, "a delivery that the running server has stored")
	flags.StringVar(&o.now, "now", "", "judge it as of this time, as in 2006-01-02T15:04:05Z")
	flags.StringVar(&o.socket, "socket", "", "with --delivery: the server's socket")
	flags.BoolVar(&o.json, "json", false, "print JSON")
	return cmd
}

// check refuses flags that contradict each other.
func (o *tryOptions) check(cmd *cobra.Command) error {
	given := func(names ...string) []string {
		return slices.DeleteFunc(names, func(name string) bool { return !cmd.Flags().Changed(name) })
	}
	switch whole := given("request", "delivery"); {
	case len(whole) == 2:
		return errors.New("--request and --delivery exclude each other")
	case len(whole) == 1:
		if parts := given("payload", "header", "event", "method", "query"); len(parts) > 0 {
			return fmt.Errorf("--%s brings a whole request, so --%s says nothing; leave one of them out", whole[0], parts[0])
		}
	case o.hook == "":
		return errors.New("name the hook by its path, as in hooktender try /github/website --payload push.json")
	}
	switch {
	case len(given("delivery")) > 0 && o.delivery < 1:
		return errors.New("--delivery: ids are numbers from 1")
	case len(given("delivery")) > 0 && o.remoteIP != "":
		return errors.New("--delivery brings the sender's address, so --remote-ip says nothing; leave it out")
	case len(given("socket")) > 0 && o.delivery == 0:
		return errors.New("--socket is for --delivery; all else needs no server")
	}
	return nil
}

func (o *tryOptions) run(cmd *cobra.Command) error {
	file := o.configuration()
	config, err := loadToExplain(file)
	if err != nil {
		return err
	}
	t, err := o.arrival(cmd)
	if err != nil {
		return err
	}
	hook, params := config.Set.Match(t.request.Path)
	if o.hook != "" && t.whole && (hook == nil || hook.Path != o.hook) { // to be tried at another place
		t.request.Path = o.hook
		hook, params = config.Set.Match(o.hook)
	}
	if hook == nil {
		return fmt.Errorf("no hook of %s is at %s, so the sender would be answered 404; there are %s",
			file, t.request.Path, strings.Join(pathsOf(config.Set), ", "))
	}
	if err := t.complete(o, hook, params); err != nil {
		return err
	}
	trial, told := judge(config, hook, t)
	shown := showTrial(hook, t.request, trial, told)
	if o.json {
		err = printJSON(cmd.OutOrStdout(), shown)
	} else {
		printTrial(cmd.OutOrStdout(), shown)
	}
	if err == nil && trial.Verdict != rules.Accepted {
		return silent(exitNo)
	}
	return err
}

// judge says what would become of a request, by the rules and by the door.
func judge(config *rules.Config, hook *rules.Hook, a *arrival) (*rules.Trial, server.Foretold) {
	trial := hook.Try(a.request, a.now, a.whole)
	told := server.Foretell(config, hook, a.request, trial)
	if told.Refused != "" {
		trial.Verdict, trial.Reason = rules.Rejected, told.Refused
	}
	return trial, told
}

// configuration is the file to use: the one named, or the usual one.
func (o *tryOptions) configuration() string {
	if o.file != "" {
		return o.file
	}
	return usualFile()
}

func usualFile() string {
	if _, err := os.Stat(defaultFile); err != nil {
		if system := filepath.Join("/etc/hooktender", defaultFile); exists(system) {
			return system
		}
	}
	return defaultFile
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func pathsOf(s *rules.Set) []string {
	var paths []string
	for _, h := range s.All() {
		paths = append(paths, h.Path)
	}
	return paths
}

// complete fills in what depends on the hook.
func (a *arrival) complete(o *tryOptions, hook *rules.Hook, params map[string]string) error {
	r := a.request
	r.Hook, r.Params = hook.Path, params
	if r.Method == "" {
		r.Method = hook.Methods[0]
	}
	if o.event != "" {
		if err := hook.SetEvent(r, o.event); err != nil {
			return usageError{fmt.Errorf("--event: %w", err)}
		}
	}
	if o.remoteIP != "" {
		address, err := netip.ParseAddr(o.remoteIP)
		if err != nil {
			return usageError{fmt.Errorf("--remote-ip: %q is not an address like 192.0.2.7", o.remoteIP)}
		}
		r.RemoteIP = address
	}
	if o.now != "" {
		now, ok := parseTime(o.now)
		if !ok {
			return usageError{fmt.Errorf("--now: %q is not a time like 2006-01-02T15:04:05Z or \"2006-01-02 15:04:05\"", o.now)}
		}
		a.now = now
	}
	r.ReceivedAt = a.now
	return nil
}
