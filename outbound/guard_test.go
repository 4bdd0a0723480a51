package outbound

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestIsPublic(t *testing.T) {
	for address, public := range map[string]bool{
		"1.1.1.1": true, "93.184.216.34": true, "172.32.0.1": true, "100.128.0.1": true, "198.20.0.1": true,
		"2606:4700:4700::1111": true, "2001:4860:4860::8888": true,

		"127.0.0.1": false, "127.9.9.9": false, "::1": false, "0.0.0.0": false, "0.1.2.3": false, "::": false,
		"10.0.0.1": false, "172.16.0.1": false, "172.31.255.255": false, "192.168.1.1": false, "fd00::1": false,
		"169.254.1.1": false, "fe80::1": false, "fe80::1%eth0": false, "fec0::1": false,
		"169.254.169.254": false, "fd00:ec2::254": false, "100.100.100.200": false, "192.0.0.192": false, // metadata of clouds
		"100.64.0.1": false, "198.18.0.1": false, "192.0.2.1": false, "198.51.100.1": false, "203.0.113.1": false,
		"224.0.0.1": false, "239.1.1.1": false, "240.0.0.1": false, "255.255.255.255": false, "ff02::1": false,
		"::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::ffff:169.254.169.254": false, "::ffff:1.1.1.1": true,
		"::127.0.0.1": false, "64:ff9b::7f00:1": false, "64:ff9b::a9fe:a9fe": false, "64:ff9b:1::1": false,
		"2002:7f00:1::": false, "2001::1": false, "2001:db8::1": false, "3fff::1": false, "5f00::1": false, "100::1": false,
	} {
		if got := IsPublic(netip.MustParseAddr(address)); got != public {
			t.Errorf("IsPublic(%s) = %v", address, got)
		}
	}
}

// TestGuard asks for this machine in every spelling that its system understands.
func TestGuard(t *testing.T) {
	reached := 0
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ }))
	defer s.Close()
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	c := client(t)
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "127.1", "2130706433", "0x7f000001"} {
		_, err := c.Do(t.Context(), request(t, http.MethodGet, "http://"+host+":"+port+"/", ""), Policy{Limit: 10})
		if err == nil {
			t.Errorf("%s was reached", host)
		}
		if ip := net.ParseIP(host); (ip != nil || host == "localhost") && !errors.Is(err, ErrPrivate) {
			t.Errorf("%s: %v, want it to be refused as private", host, err)
		}
	}
	if reached > 0 {
		t.Errorf("%d requests came through", reached)
	}
	if _, err := c.Do(t.Context(), request(t, http.MethodGet, "http://localhost:"+port+"/", ""), Policy{Private: true}); err != nil {
		t.Errorf("a name that the operator wrote down: %v", err)
	}
}

// TestGuardedConnections: one that may be anywhere leaves a connection behind,
// which one that may not must not take.
func TestGuardedConnections(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	c := client(t)
	for range 2 {
		if _, err := c.Do(t.Context(), request(t, http.MethodGet, s.URL, ""), Policy{Private: true}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Do(t.Context(), request(t, http.MethodGet, s.URL, ""), Policy{}); !errors.Is(err, ErrPrivate) {
		t.Errorf("over a connection that was there: %v", err)
	}
}

// TestGuardLooksAtEachAddress: what a name stands for is judged when it is dialed,
// so a name that changes its mind in between gains nothing.
func TestGuardLooksAtEachAddress(t *testing.T) {
	for _, address := range []string{"127.0.0.1:80", "[fe80::1%lo]:80", "169.254.169.254:80", "nonsense"} {
		if err := refusePrivate("tcp", address, nil); !errors.Is(err, ErrPrivate) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if err := refusePrivate("tcp", "1.1.1.1:443", nil); err != nil {
		t.Error(err)
	}
}
