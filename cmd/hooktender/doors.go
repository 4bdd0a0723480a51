package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/server"
)

func socketPath(state string) string { return filepath.Join(state, "hooktender.sock") }

// openDoors opens the public door, the socket for the command line and, unless
// it is off, the private door. Either all are open or none. now is the configuration
// in force, which may change.
func openDoors(c *rules.Config, now func() *rules.Config, anyPort bool, intake, api, health http.Handler, log *slog.Logger) (doors []*server.Door, err error) {
	type plan struct {
		name, setting, address string
		mode                   os.FileMode
		handler                http.Handler
		limits                 server.Limits
	}
	public, private := server.PublicLimits, server.PrivateLimits
	most := descriptors()
	public.Connections = func() int { return server.PublicConnections(most, now().Server.MaxRunning) }
	private.Connections = func() int { return server.PrivateConnections(most) }
	plans := []plan{
		{"public", "server.listen", c.Server.Listen, 0o660, intake, public},
		{"command line's", "state", "unix:" + socketPath(c.State), 0o600, api, private},
	}
	if c.Server.Console != "off" {
		plans = append(plans, plan{"private", "server.console", c.Server.Console, 0o660, health, private})
	}
	for _, p := range plans {
		d, err := server.Open(p.name, p.address, p.mode, p.handler, p.limits, log)
		if anyPort && errors.Is(err, syscall.EADDRINUSE) {
			d, err = server.Open(p.name, "127.0.0.1:0", p.mode, p.handler, p.limits, log)
		}
		if err != nil {
			for _, open := range doors {
				open.Close(context.Background())
			}
			return nil, fmt.Errorf("%w (the setting is %s)", err, p.setting)
		}
		doors = append(doors, d)
	}
	if c.Server.TLS == nil {
		return doors, nil
	}
	config, err := server.TLS(c.Server.TLS.Cert, c.Server.TLS.Key, log)
	if err != nil {
		for _, open := range doors {
			open.Close(context.Background())
		}
		return nil, err
	}
	doors[0].Speak(config)
	return doors, nil
}

// closeWithin is how long requests under way may take when the server ends.
const closeWithin = 5 * time.Second

func closeDoors(doors []*server.Door, intake *server.Intake) {
	intake.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
	defer cancel()
	for i := len(doors) - 1; i >= 0; i-- {
		doors[i].Close(ctx)
	}
}

func consoleAddress(doors []*server.Door) string {
	if len(doors) < 3 {
		return "off"
	}
	return doors[2].Address()
}
