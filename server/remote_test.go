package server

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
)

// 14, 15: whose word counts about where a request came from.
func TestClient(t *testing.T) {
	const outside = "203.0.113.9:4711"
	const proxy, proxy6 = "10.0.0.1:4711", "[fd00::1]:4711"
	trusted := proxies{Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::1/128"), netip.MustParsePrefix("fe80::5/128")}}
	for name, c := range map[string]struct {
		peer      string
		forwarded []string
		want      string
	}{
		"no proxy":                            {outside, nil, "203.0.113.9"},
		"a stranger's word":                   {outside, []string{"10.0.0.2"}, "203.0.113.9"},
		"a stranger's word, twice":            {outside, []string{"127.0.0.1", "::1"}, "203.0.113.9"},
		"through the proxy":                   {proxy, []string{"198.51.100.7"}, "198.51.100.7"},
		"what the stranger wrote before":      {proxy, []string{"1.1.1.1, 198.51.100.7"}, "198.51.100.7"},
		"in a header of its own":              {proxy, []string{"1.1.1.1", "198.51.100.7"}, "198.51.100.7"},
		"a chain of proxies":                  {proxy, []string{"1.1.1.1, 198.51.100.7, 10.9.9.9 ,10.0.0.2"}, "198.51.100.7"},
		"all of them proxies":                 {proxy, []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		"the proxy says nothing":              {proxy, nil, "10.0.0.1"},
		"the proxy says nothing, with header": {proxy, []string{""}, "10.0.0.1"},
		"garbage":                             {proxy, []string{"198.51.100.7, unknown"}, "invalid IP"},
		"garbage before":                      {proxy, []string{"<script>, 198.51.100.7"}, "198.51.100.7"},
		"garbage behind a proxy":              {proxy, []string{"unknown, 10.0.0.2"}, "invalid IP"},
		"with a port":                         {proxy, []string{"198.51.100.7:80"}, "198.51.100.7"},
		"IPv6 in brackets":                    {proxy, []string{"[2001:db8::7]"}, "2001:db8::7"},
		"IPv6 with a port":                    {proxy, []string{"[2001:db8::7]:443"}, "2001:db8::7"},
		"a chain with ports":                  {proxy, []string{"1.1.1.1, 198.51.100.7:4711, 10.0.0.2:80"}, "198.51.100.7"},
		"IPv4 in brackets":                    {proxy, []string{"[198.51.100.7]"}, "invalid IP"},
		"half a bracket":                      {proxy, []string{"[2001:db8::7"}, "invalid IP"},
		"a port that is none":                 {proxy, []string{"198.51.100.7:http"}, "invalid IP"},
		"an obfuscated name":                  {proxy, []string{"_hidden"}, "invalid IP"},
		"only commas":                         {proxy, []string{",,,"}, "invalid IP"},
		"an empty entry at the end":           {proxy, []string{"198.51.100.7, "}, "invalid IP"},
		"IPv6 through the proxy":              {proxy, []string{"2001:db8::7"}, "2001:db8::7"},
		"IPv6 proxy":                          {proxy6, []string{"198.51.100.7"}, "198.51.100.7"},
		"neighbour of the IPv6 proxy":         {"[fd00::2]:1", []string{"198.51.100.7"}, "fd00::2"},
		"proxy in IPv6 clothes":               {"[::ffff:10.0.0.1]:4711", []string{"198.51.100.7"}, "198.51.100.7"},
		"stranger in IPv6 clothes":            {"[::ffff:203.0.113.9]:4711", []string{"198.51.100.7"}, "203.0.113.9"},
		"forwarded in IPv6 clothes":           {proxy, []string{"::ffff:198.51.100.7"}, "198.51.100.7"},
		"next proxy in IPv6 clothes":          {proxy, []string{"198.51.100.7, ::ffff:10.0.0.2"}, "198.51.100.7"},
		"a zone is no part of an address":     {proxy, []string{"fe80::1%<script>"}, "fe80::1"},
		"a proxy on the same link":            {"[fe80::5%eth0]:1", []string{"198.51.100.7"}, "198.51.100.7"},
		"unix socket":                         {"@", []string{"198.51.100.7"}, "invalid IP"},
		"unix socket without a name":          {"", []string{"198.51.100.7"}, "invalid IP"},
	} {
		r := &http.Request{RemoteAddr: c.peer, Header: http.Header{"X-Forwarded-For": c.forwarded}}
		got, err := trusted.client(r)
		if got.String() != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if wantErr := c.want == "invalid IP" && c.peer == proxy; (err != nil) != wantErr {
			t.Errorf("%s: error %v", name, err)
		}
	}
	r := &http.Request{RemoteAddr: "127.0.0.1:1", Header: http.Header{"X-Forwarded-For": {"198.51.100.7"}}}
	if got, _ := (proxies{}).client(r); got.String() != "127.0.0.1" {
		t.Errorf("nobody is trusted, and the address is %s", got)
	}
}

func TestForwardedReachesTheDelivery(t *testing.T) {
	const hooks = "\nhooks: {/open: {verify: none, rules: [{name: r, run: \"true\"}]}}"
	for yaml, want := range map[string]string{
		"server: {trusted_proxies: [127.0.0.1]}": "198.51.100.7",
		"server: {trusted_proxies: [10.0.0.1]}":  "127.0.0.1",
		"":                                       "127.0.0.1",
	} {
		d := openPublic(t, yaml+hooks)
		d.send(t, d.request(t, "POST", "/open", `{}`, "X-Forwarded-For", "198.51.100.7", "X-Real-Ip", "198.51.100.8", "Forwarded", "for=198.51.100.9"))
		if _, accepted, _ := d.take(); len(accepted) != 1 || accepted[0].RemoteIP != want {
			t.Errorf("%s: kept %+v, want %s", yaml, accepted, want)
		}
	}
}

// A proxy that connects by the door's own socket is believed if the file says so,
// and nobody else for that.
func TestProxyAtTheSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "hooks.sock")
	for name, c := range map[string]struct {
		trusted   string
		forwarded []string
		status    int
		want      string
	}{
		"not trusted":              {"[127.0.0.1]", []string{"198.51.100.7"}, http.StatusForbidden, ""},
		"trusted":                  {"[unix]", []string{"198.51.100.7"}, http.StatusAccepted, "198.51.100.7"},
		"IPv6":                     {"[unix]", []string{"2001:db8::7"}, http.StatusAccepted, "2001:db8::7"},
		"a chain":                  {"[unix, 10.0.0.0/8]", []string{"1.1.1.1, 198.51.100.7", "10.0.0.2"}, http.StatusAccepted, "198.51.100.7"},
		"the next one not trusted": {"[unix]", []string{"198.51.100.7, 10.0.0.2"}, http.StatusForbidden, "10.0.0.2"},
		"not allowed":              {"[unix]", []string{"198.51.100.8"}, http.StatusForbidden, "198.51.100.8"},
		"garbage":                  {"[unix]", []string{"unknown"}, http.StatusForbidden, ""},
		"nothing":                  {"[unix]", nil, http.StatusForbidden, ""},
	} {
		t.Run(name, func(t *testing.T) {
			log, _ := newLog()
			f := newFakeIntake(t)
			in := NewIntake(f, f, log)
			in.Use(load(t, "server: {trusted_proxies: "+c.trusted+"}\n"+
				"hooks: {/open: {verify: none, allow_ips: [198.51.100.7, \"2001:db8::/32\"], rules: [{name: r, run: \"true\"}]}}"))
			door, _ := openDoor(t, "unix:"+socket, in, PublicLimits)
			r, err := http.NewRequest(http.MethodPost, "http://hooktender/open", strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			r.Header["X-Forwarded-For"] = c.forwarded
			if got := send(t, client(t, door.Address()), r); got.status != c.status {
				t.Errorf("answered %d %s, want %d", got.status, got.body, c.status)
			}
			recorded, accepted, _ := f.take()
			if all := append(recorded, accepted...); len(all) != 1 || all[0].RemoteIP != c.want {
				t.Errorf("kept %+v, want %q", all, c.want)
			}
		})
	}
	// A connection of the network without an address is none at the socket.
	if (proxies{Unix: true}).through(&http.Request{RemoteAddr: "@"}) {
		t.Error("who does not come by the socket is believed")
	}
}

// allow_ips judges the address that is left when the proxies are taken away.
func TestAllowedThroughProxies(t *testing.T) {
	d := openPublic(t, `
server: {trusted_proxies: [127.0.0.1, "::1", 10.0.0.0/8, "fd00::/8"]}
hooks:
  /open: {verify: none, allow_ips: [192.0.2.7, 198.51.100.0/24, "2001:db8::/32", "::ffff:203.0.113.0/120"], rules: [{name: r, run: "true"}]}
`)
	for forwarded, allowed := range map[string]bool{
		"192.0.2.7":                        true,
		"192.0.2.8":                        false,
		"::ffff:192.0.2.7":                 true,
		"198.51.100.255":                   true,
		"198.51.101.0":                     false,
		"2001:db8:ffff::1":                 true,
		"2001:db9::1":                      false,
		"203.0.113.5":                      true,
		"192.0.2.7, 10.0.0.1":              true,
		"192.0.2.7, 10.0.0.1, fd00::5":     true,
		"192.0.2.7, 203.0.112.1":           false, // what a stranger wrote in front
		"192.0.2.7, 203.0.112.1, 10.0.0.1": false,
		"203.0.112.1, 192.0.2.7":           true,
		"10.0.0.1":                         false,
		"":                                 false,
		"192.0.2.7, ":                      false,
		"[2001:db8::1]:443":                true,
		"192.0.2.7:4711":                   true,
		"192.0.2.7, unknown":               false,
		"unknown":                          false,
		"127.0.0.1, unknown, 10.0.0.1":     false,
	} {
		want := http.StatusForbidden
		if allowed {
			want = http.StatusAccepted
		}
		got := d.send(t, d.request(t, "POST", "/open", `{}`, "X-Forwarded-For", forwarded, "Forwarded", "for=192.0.2.7", "X-Real-Ip", "192.0.2.7"))
		if got.status != want {
			t.Errorf("%q: %d, want %d", forwarded, got.status, want)
		}
	}
}

// What a proxy tells must not make its sender the proxy, whom allow_ips may well let in.
func TestUnknownIsNotTheProxy(t *testing.T) {
	for allowed, want := range map[string]int{"allow_ips: [127.0.0.1], ": http.StatusForbidden, "": http.StatusAccepted} {
		log, lines := newLog()
		f := newFakeIntake(t)
		in := NewIntake(f, f, log)
		in.Use(load(t, "server: {trusted_proxies: [127.0.0.1]}\nhooks: {/open: {verify: none, "+allowed+"rules: [{name: r, run: \"true\"}]}}"))
		r := httptest.NewRequest(http.MethodPost, "/open", strings.NewReader("{}"))
		r.RemoteAddr = "127.0.0.1:4711"
		r.Header.Set("X-Forwarded-For", "unknown")
		w := httptest.NewRecorder()
		in.ServeHTTP(w, r)
		recorded, accepted, _ := f.take()
		all := append(recorded, accepted...)
		if w.Code != want || len(all) != 1 || all[0].RemoteIP != "" {
			t.Errorf("%q: answered %d, want %d; kept %+v", allowed, w.Code, want, all)
		}
		if want == http.StatusForbidden && !strings.Contains(all[0].Reason, "no address") {
			t.Errorf("the reason is %q", all[0].Reason)
		}
		if !strings.Contains(lines.String(), "X-Forwarded-For") {
			t.Errorf("the log does not say why: %s", lines.String())
		}
	}
}
