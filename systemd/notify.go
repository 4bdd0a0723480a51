// Package systemd speaks to the service manager that started us, and holds the
// unit file. Where there is no systemd it does nothing.
package systemd

import (
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Ready tells systemd that the server serves (sd_notify(3), READY=1). It also
// ends a reload.
func Ready() error { return notify("READY=1") }

// Reloading tells systemd that a reload has begun; Ready ends it.
func Reloading() error {
	return notify(fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", monotonic().Microseconds()))
}

// Stopping tells systemd that the server stops.
func Stopping() error { return notify("STOPPING=1") }

// notify sends a state to $NOTIFY_SOCKET, if there is one.
func notify(state string) error {
	address := os.Getenv("NOTIFY_SOCKET")
	if address == "" {
		return nil
	}
	if name, ok := strings.CutPrefix(address, "@"); ok {
		address = "\x00" + name // Linux's abstract name space
	}
	c, err := net.Dial("unixgram", address)
	if err != nil {
		return fmt.Errorf("tell systemd %q: %w", state, err)
	}
	defer c.Close()
	if _, err := c.Write([]byte(state)); err != nil {
		return fmt.Errorf("tell systemd %q: %w", state, err)
	}
	return nil
}

// monotonic is the clock that systemd compares MONOTONIC_USEC with.
func monotonic() time.Duration {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) != nil {
		return 0
	}
	return time.Duration(now.Nano())
}
