package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hooktender/hooktender/rules"
)

// keep writes a case of a delivery that has arrived.
func (o *testOptions) keep(cmd *cobra.Command, args []string) error {
	file, cases, err := o.files(args)
	if err != nil {
		return err
	}
	config, err := loadToExplain(file)
	if err != nil {
		return err
	}
	a, err := serverOf(o.socket, file).arrival(cmd.Context(), o.from)
	if err != nil {
		return err
	}
	hook, params := config.Set.Match(a.request.Path)
	if hook == nil {
		return fmt.Errorf("delivery %d was for %s, and no hook of %s is there; there are %s",
			o.from, a.request.Path, file, strings.Join(pathsOf(config.Set), ", "))
	}
	a.request.Hook, a.request.Params = hook.Path, params
	c, err := caseOf(config, hook, a)
	if err != nil {
		return err
	}
	beside := cases
	if beside == "" {
		beside = filepath.Join(folderOf(file), defaultCases)
	}
	c.Name = fmt.Sprintf("delivery %d, %s", o.from, cmp.Or(a.request.Event, hook.Path))
	return o.write(cmd, c, a, cases, beside)
}

// defaultCases is where cases would lie that are only printed.
const defaultCases = "hooktender.test.yaml"

func folderOf(config string) string {
	if info, err := os.Stat(config); err == nil && info.IsDir() {
		return config
	}
	return filepath.Dir(config)
}

// caseOf makes a case of a request: what proved the sender is left out, and what
// becomes of it now is what is expected.
func caseOf(config *rules.Config, hook *rules.Hook, a *arrival) (*rules.Case, error) {
	r := a.request
	if err := hook.Strip(r); err != nil {
		return nil, err
	}
	for _, name := range []string{"Content-Length", "Accept-Encoding", "Connection"} {
		r.Header.Del(name) // of the connection, not of what was sent
	}
	a.whole = false
	trial, told := judge(config, hook, a)
	c := &rules.Case{Hook: askedForOf(r), Header: r.Header, RemoteIP: r.RemoteIP, Now: a.now}
	if r.Method != hook.Methods[0] {
		c.Method = r.Method
	}
	c.Expect = rules.Expectation{Verdict: trial.Verdict, Status: told.Status, Rules: []string{}}
	for _, f := range consequencesOf(firing(trial)) {
		c.Expect.Rules = append(c.Expect.Rules, f.rule)
		c.Expect.Run = append(c.Expect.Run, runOf(&f))
	}
	return c, nil
}

func askedForOf(r *rules.Request) string {
	path := (&url.URL{Path: r.Path}).EscapedPath()
	if r.RawQuery != "" {
		path += "?" + r.RawQuery
	}
	return path
}

// runOf expects what the payload decides. The string form of run is the same for
// each, and the folder another on each machine.
func runOf(f *consequence) rules.ExpectedRun {
	cmd := f.main()
	run := rules.ExpectedRun{Rule: f.rule}
	for _, n := range f.told {
		if n.To == "" || n.Error != "" {
			continue // a status, or nobody is told
		}
		if told := (rules.NamedText{Name: n.To, Value: n.Message.String()}); !slices.ContainsFunc(run.Notify, func(have rules.NamedText) bool { return have.Name == n.To }) {
			run.Notify = append(run.Notify, told)
		}
	}
	if i := slices.IndexFunc(f.commands, func(c *rules.Command) bool { return c.HTTP != nil }); i >= 0 {
		run.HTTP = expectedCall(f.commands[i].HTTP)
	}
	for _, v := range cmd.Env {
		run.Env = append(run.Env, rules.NamedText{Name: v.Name, Value: v.Value.String()})
	}
	for _, arg := range cmd.Argv {
		run.Command = append(run.Command, arg.String())
	}
	if cmd.Concurrency != nil && cmd.Notification == nil {
		run.Group = &cmd.Concurrency.Group
	}
	if cmd.Throttle != nil {
		run.Throttle = &cmd.Throttle.Key
	}
	if cmd.Debounce != nil {
		run.Debounce = &cmd.Debounce.Key
	}
	return run
}

func expectedCall(call *rules.HTTPCall) *rules.ExpectedCall {
	at, body := call.URL.String(), call.Body.String()
	want := &rules.ExpectedCall{Method: &call.Method, URL: &at}
	if body != "" {
		want.Body = &body
	}
	return want
}

// write puts the payload beside the case, and the case where it is to be.
func (o *testOptions) write(cmd *cobra.Command, c *rules.Case, a *arrival, cases, beside string) (err error) {
	var before []byte
	if cases != "" {
		if before, err = os.ReadFile(cases); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("read the test cases: %w", err)
		}
	}
	if len(a.request.Body) > 0 {
		if c.File, err = filepath.Abs(filepath.Join(filepath.Dir(beside), payloadName(a.request, o.from))); err != nil {
			return err
		}
	}
	text, err := rules.AppendCase(beside, bytes.Clone(before), c)
	if err != nil {
		return err
	}
	if c.File != "" {
		if err := writeNew(c.File, a.request.Body); err != nil {
			return fmt.Errorf("write the payload: %w", err)
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "the payload is in %s; look whether it holds what is nobody's business before you share it\n", c.File)
	}
	if cases == "" {
		_, err = cmd.OutOrStdout().Write(text)
		return err
	}
	return appendTo(cases, text[len(before):])
}

// payloadName says what is in the file: push-17.json.
func payloadName(r *rules.Request, id int64) string {
	ending := ".txt"
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case r.Header.Get("Content-Encoding") != "":
		ending = ".bin"
	case kind == "application/json", strings.HasSuffix(kind, "+json"):
		ending = ".json"
	case strings.HasSuffix(kind, "/xml"), strings.HasSuffix(kind, "+xml"):
		ending = ".xml"
	}
	safe := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' {
			return c
		}
		return '-'
	}, cmp.Or(r.Event, "delivery"))
	return fmt.Sprintf("%.60s-%d%s", safe, id, ending)
}

// writeNew writes a file that is not there yet.
func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

func appendTo(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
