package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/hooktender/hooktender/examples"
	"github.com/hooktender/hooktender/rules/verify"
	"github.com/hooktender/hooktender/runner"
)

// demoSecretVar is the variable that the quickstart reads its secret from.
const demoSecretVar = "QUICKSTART_SECRET"

func demoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Show the whole thing by itself: a server, a signed GitHub push, a script",
		Long: `Demo serves the quickstart example on loopback with a temporary state folder,
sends itself a signed GitHub push, shows what the script prints, and stays up until
you press Ctrl-C. Nothing is left behind.`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return demo(cmd) },
	}
}

func demo(cmd *cobra.Command) (err error) {
	dir, err := os.MkdirTemp("", "hooktender-demo-")
	if err != nil {
		return fmt.Errorf("make a temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := unpack(examples.Quickstart, dir); err != nil {
		return fmt.Errorf("unpack the example: %w", err)
	}
	secret := newSecret()
	if err := os.Setenv(demoSecretVar, secret.Reveal()); err != nil {
		return err
	}
	o := serveOptions{
		file:    filepath.Join(dir, "quickstart"),
		state:   filepath.Join(dir, "state"),
		anyPort: true,
	}
	show := &demonstration{cmd: cmd, out: cmd.OutOrStdout(), secret: secret, dir: o.file}
	log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	ctx, cancel := context.WithCancel(cmd.Context())
	var shown sync.WaitGroup
	var showErr error
	err = serve(ctx, o, log, func(app *application) {
		shown.Go(func() {
			err := show.run(ctx, app)
			select {
			case <-app.stopping: // Ctrl-C came first; what failed then failed for that
			default:
				showErr = err
			}
			if showErr != nil {
				app.stop()
			}
		})
	})
	cancel()
	shown.Wait()
	return errors.Join(err, showErr)
}

// newSecret makes a secret that lives as long as the demo.
func newSecret() verify.Secret {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return verify.Secret(hex.EncodeToString(b))
}

func unpack(from fs.FS, to string) error {
	return fs.WalkDir(from, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, path)
		if e.IsDir() {
			return os.MkdirAll(target, 0o700)
		}
		data, err := fs.ReadFile(from, path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, 0o700)
	})
}

// demonstration is what the demo shows once the server is up.
type demonstration struct {
	cmd    *cobra.Command
	out    io.Writer
	secret verify.Secret
	dir    string
}

func (d *demonstration) run(ctx context.Context, app *application) error {
	hook := "http://" + app.doors[0].Address() + "/github/website"
	o := outgoing{provider: "github", event: "push", secret: d.secret, url: hook}
	body, err := fs.ReadFile(examples.Quickstart, "quickstart/push.json")
	if err != nil {
		return err
	}
	o.body = body
	d.say("hooktender serves %s", d.dir)
	d.say("  hooks    %s", hook)
	d.say("  private  http://%s/healthz\n", consoleAddress(app.doors))
	d.say("→ a signed GitHub push to /github/website (%d bytes)", len(body))
	status, _, answer, err := o.send(ctx)
	if err != nil {
		return err
	}
	d.say("← %s %s", status, answer)

	var said struct{ Runs []struct{ ID int64 } }
	if err := json.Unmarshal(answer, &said); err != nil || len(said.Runs) == 0 {
		return fmt.Errorf("the push should have fired a rule, but the answer was %s: %s", status, answer)
	}
	if err := d.follow(ctx, app, said.Runs[0].ID); err != nil {
		return err
	}
	d.invite(app, hook)
	return nil
}

func (d *demonstration) say(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

// follow shows the run's output as it comes, then how it ended.
func (d *demonstration) follow(ctx context.Context, app *application, run int64) error {
	d.say("run %d, as it comes:", run)
	c := &client{socket: app.socket}
	if err := c.logs(d.cmd, run, true, false, false); err != nil {
		return err
	}
	var r runner.Run
	if err := c.get(ctx, fmt.Sprintf("/api/runs/%d", run), nil, &r); err != nil {
		return err
	}
	d.say("run %d: %s after %s\n", run, r.State, took(&r))
	return nil
}

// invite prints what to do next, ready to paste.
func (d *demonstration) invite(app *application, hook string) {
	hooktender := "go run ./cmd/hooktender"
	if path, err := os.Executable(); err == nil && filepath.Base(path) == "hooktender" && !isGoRun(path) {
		hooktender = path
	}
	d.say("Send it again from another terminal, or change it with --set ref=refs/heads/other:\n")
	d.say("  %s send github push --to %s --secret %s\n", hooktender, hook, d.secret.Reveal())
	d.say("See what arrived and what ran:\n")
	d.say("  %s deliveries --socket %s", hooktender, app.socket)
	d.say("  %s runs --socket %s\n", hooktender, app.socket)
	d.say("Ctrl-C ends the demo and removes everything.")
}

// isGoRun tells a binary that go run has made: it lies in the folder of a build,
// or in the cache of builds.
func isGoRun(path string) bool { return strings.Contains(path, "go-build") }
