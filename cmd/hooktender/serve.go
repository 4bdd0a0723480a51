package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/hooktender/hooktender/outbound"
	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
	"github.com/hooktender/hooktender/server"
	"github.com/hooktender/hooktender/store"
	"github.com/hooktender/hooktender/systemd"
	"github.com/hooktender/hooktender/watch"
)

// serveOptions are the flags of serve. They live as long as the process; what
// they set, the file does not change any more.
type serveOptions struct {
	file      string
	listen    string
	console   string
	state     string
	watch     bool
	logFormat string
	anyPort   bool // where a port is taken, take another: for the demo
}

func serveCommand() *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "serve [FILE|DIR]",
		Short: "Run the server",
		Long: `Serve answers webhooks as the configuration says (hooktender.yaml in the working
folder if none is named). SIGHUP and "hooktender reload" read it again; a broken
file changes nothing. SIGTERM ends the server: running scripts get TERM and their
grace, and what was interrupted is queued again; a second SIGTERM does not wait.`,
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.file = fileOf(args)
			log, err := newLogger(cmd.ErrOrStderr(), o.logFormat)
			if err != nil {
				return err
			}
			return explainDamage(serve(cmd.Context(), o, log, func(*application) {}))
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.listen, "listen", "", "address of the public door (server.listen)")
	flags.StringVar(&o.console, "console", "", `address of the private door, or "off" (server.console)`)
	flags.StringVar(&o.state, "state", "", "folder of the database (state)")
	flags.BoolVar(&o.watch, "watch", false, "reload when the configuration or a secret's file changes")
	flags.StringVar(&o.logFormat, "log-format", "text", "text or json")
	return cmd
}

func newLogger(w io.Writer, format string) (*slog.Logger, error) {
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, nil)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, nil)), nil
	}
	return nil, usageError{fmt.Errorf("--log-format: %q is neither text nor json", format)}
}

// application is the running server, for those who start it from inside: the
// demo and tests.
type application struct {
	doors    []*server.Door // the public one, the command line's, the private one if it is open
	socket   string
	stop     context.CancelFunc
	stopping <-chan struct{} // closed when it begins to end
}

// serve is the wiring: each thing that starts registers at once how it stops,
// and stopping runs that list backwards. It returns when ctx ends or a signal
// comes, and everything is on disk.
func serve(ctx context.Context, o serveOptions, log *slog.Logger, ready func(*application)) (err error) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer signal.Stop(signals)
	// A file size limit is an error of writing like a full disk, not the end.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGXFSZ)

	asUsual := collectSeldom()
	defer asUsual()
	config, loaded, err := o.load()
	if err != nil {
		return err
	}
	reloader := &reloader{options: o, log: log, began: config, first: fingerprint(o.file, config.Files)}
	st, err := store.Open(ctx, config.State, log)
	if err != nil {
		return fmt.Errorf("open the state folder: %w", err)
	}
	defer func() { err = errors.Join(err, st.Close()) }()

	groups := openCgroups(config.State, log)
	defer closeCgroups(groups, log)
	life, end := context.WithCancel(ctx)
	defer end()
	go runner.Reap(life, log)

	client := outbound.New("hooktender/" + versionText())
	defer client.Close()
	var mask atomic.Pointer[runner.Mask]
	run, err := runner.New(runner.Config{
		Store: st, Dir: filepath.Join(config.State, "payloads"), MaxRunning: config.Server.MaxRunning, MaxQueued: config.Server.MaxQueued,
		Secret: func(ref rules.Reference) (rules.Secret, error) { return reloader.current().Set.Secret(ref) },
		Mask:   mask.Load, Cgroups: groups, Performer: newPerformers(reloader.current, st, client),
		Log: log,
	})
	if err != nil {
		return err
	}
	intake := server.NewIntake(st, run, log)
	intake.Keys = server.NewKeys()
	pauses, err := server.NewPauses(ctx, st, func(hooks map[string]bool) { st.UsePaused(hooks); run.Pause(hooks) })
	if err != nil {
		return err
	}
	watcher := watch.New(watch.Config{Store: st, Events: intake, Client: client, Log: log})
	reloader.apply = func(c *rules.Config) {
		mask.Store(runner.NewMask(c.Set.Secrets())) // first: what comes now may print them
		pauses.Use(c)
		intake.Use(c)
		limitMemory(c)
		watcher.Use(c.Set)
		run.SetLimits(c.Server.MaxRunning, c.Server.MaxQueued)
		st.Keep(c.Keep)
		warnOfUnmet(c, groups, log)
	}
	intake.Receive = reloader.receive
	reloader.use(config)

	api := server.NewAPI(server.APIConfig{Store: st, Runner: run, Intake: intake, Pauses: pauses, Reload: reloader.reload,
		Watches: func() any { return watcher.Status() }})
	doors, err := openDoors(config, reloader.current, o.anyPort, intake, api, server.Health(st), log)
	if err != nil {
		return err
	}
	defer closeDoors(doors, intake)

	if err := run.Recover(ctx); err != nil {
		return err
	}
	failed := make(chan error, len(doors))
	for _, d := range doors {
		go func() { failed <- d.Serve() }()
	}
	watcher.Start()
	defer watcher.Stop()
	if o.watch {
		go reloader.watch(life)
	}
	log.Info("serving", "listen", doors[0].Address(), "console", consoleAddress(doors), "state", config.State, "hooks", len(config.Set.Hooks()))
	tell(log, systemd.Ready())
	asUsual()
	var advising sync.WaitGroup
	advising.Go(func() { advise(log, loaded) }) // nobody has to wait for that
	defer advising.Wait()
	stopping := make(chan struct{})
	ready(&application{doors: doors, socket: socketPath(config.State), stop: end, stopping: stopping})

	err = await(life, signals, failed, reloader, log)
	close(stopping)
	tell(log, systemd.Stopping())
	watcher.Stop()
	intake.Stop()
	stopRunner(run, signals, log)
	log.Info("stopped")
	return err
}

// await returns when the server is to end: with nil for a wish, with the error
// of a door that broke.
func await(ctx context.Context, signals <-chan os.Signal, failed <-chan error, reloader *reloader, log *slog.Logger) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return err
		case s := <-signals:
			if s != syscall.SIGHUP {
				log.Info("stopping; running scripts get their grace", "signal", s.String())
				return nil
			}
			_, _ = reloader.reload() // logs what came of it
		}
	}
}

// stopRunner lets running scripts end; one more signal takes their grace away.
func stopRunner(run *runner.Runner, signals <-chan os.Signal, log *slog.Logger) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case s := <-signals:
				if s != syscall.SIGHUP {
					log.Warn("asked twice; killing the scripts that still run", "signal", s.String())
					cancel()
				}
			}
		}
	}()
	run.Stop(ctx)
}

// load reads the configuration with the flags on top.
func (o serveOptions) load() (*rules.Config, *rules.Checking, error) {
	config, loaded, err := loadConfig(o.file)
	if err != nil {
		return config, nil, err
	}
	if o.listen != "" {
		config.Server.Listen = o.listen
	}
	if o.console != "" {
		config.Server.Console = o.console
	}
	if o.state != "" {
		if config.State, err = filepath.Abs(o.state); err != nil {
			return nil, nil, fmt.Errorf("--state: %w", err)
		}
	}
	return config, loaded, nil
}

// tell notes that systemd could not be told, which harms nobody else.
func tell(log *slog.Logger, err error) {
	if err != nil {
		log.Warn("systemd was not told", "error", err)
	}
}
