package systemd

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
)

func TestNotify(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	t.Setenv("NOTIFY_SOCKET", path)

	for _, step := range []struct {
		name string
		say  func() error
		want string
	}{
		{"ready", Ready, "READY=1"},
		{"reloading", Reloading, "RELOADING=1\nMONOTONIC_USEC="},
		{"stopping", Stopping, "STOPPING=1"},
	} {
		if err := step.say(); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 256)
		n, err := c.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(buf[:n]); !strings.HasPrefix(got, step.want) || got == "RELOADING=1\nMONOTONIC_USEC=0" {
			t.Errorf("%s: systemd heard %q, want %q", step.name, got, step.want)
		}
	}
}

func TestNotifyWithoutSystemd(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	if err := Ready(); err != nil {
		t.Error(err)
	}
}
