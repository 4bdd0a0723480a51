package server

import (
	"net/http"
	"net/netip"
	"testing"
)

// 14, 15: whose word counts about where a request came from.
func TestClient(t *testing.T) {
	const outside = "203.0.113.9:4711"
	const proxy, proxy6 = "10.0.0.1:4711", "[fd00::1]:4711"
	trusted := proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::1/128"), netip.MustParsePrefix("fe80::5/128")}
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
		"garbage":                             {proxy, []string{"198.51.100.7, unknown"}, "10.0.0.1"},
		"garbage before":                      {proxy, []string{"<script>, 198.51.100.7"}, "198.51.100.7"},
		"garbage behind a proxy":              {proxy, []string{"unknown, 10.0.0.2"}, "10.0.0.2"},
		"with a port, which is garbage":       {proxy, []string{"198.51.100.7:80"}, "10.0.0.1"},
		"only commas":                         {proxy, []string{",,,"}, "10.0.0.1"},
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
		if got := trusted.client(r).String(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	r := &http.Request{RemoteAddr: "127.0.0.1:1", Header: http.Header{"X-Forwarded-For": {"198.51.100.7"}}}
	if got := proxies(nil).client(r).String(); got != "127.0.0.1" {
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
