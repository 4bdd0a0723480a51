package rules

import (
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
	"time"
)

// compiler gathers what the files say.
type compiler struct {
	server   Server
	state    string
	keep     Keep
	defaults ruleSettings
	channels map[string]*Channel // the places of notify, by name
	hooks    []*Hook
	watches  []*Watch
	paths    map[string]node // the key of each hook, by path
	tree     pathTree        // of the same
	hook     *hookForm       // made for the first hook
	rule     *ruleForm       // made for the first rule

	urlUnread error // why server.public_url is not known
}

// settings are those at the left margin, in the order in which they are read:
// defaults count for the hooks of every file.
func (c *compiler) settings() []setting {
	server := func() *schema { return mappingOf(c.serverSettings()...) }
	keep := func() *schema { return mappingOf(c.keepSettings()...) }
	defaults := func() *schema { return mappingOf(c.defaults.settings()...) }
	return []setting{
		{"server", form{func(n node) { n.mapping(c.serverSettings()...) }, server}.as(`server: {listen: ":9000"}`), "the doors, and what they let in", ""},
		{"state", folders.to(&c.state), "folder of the database", "`$STATE_DIRECTORY`, which systemd sets; else `/var/lib/hooktender` for root, or `~/.local/state/hooktender`"},
		{"keep", form{func(n node) { n.mapping(c.keepSettings()...) }, keep}.as("keep: {runs: 90d}"), "what of the past is kept", ""},
		{"notify", form{c.readNotify, notifySchema}.as(`notify: {ops: {discord: "${env:DISCORD_WEBHOOK_URL}"}}`), "the places where people are told, each by a name that rules use", ""},
		{"defaults", form{func(n node) { n.mapping(c.defaults.settings()...) }, defaults}.as("defaults: {timeout: 5m}"), "any setting of a rule but `name`, `when`, `run` and `http`, for the rules that do not say otherwise", ""},
		{"hooks", form{c.readHooks, hooksSchema}.as("hooks: {/deploy: {verify: none, rules: [{run: ./deploy.sh}]}}"), "the hooks, each by its path; `:name` takes a part of the request's path, `*name` all that is left", ""},
		{"watch", form{c.readWatches, watchesSchema}.as(`watch: {nightly: {schedule: "0 3 * * *", rules: [{run: ./backup.sh}]}}`), "events that nobody sends, each by its name", ""},
	}
}

var (
	doors   = kind[string]{node.consoleAddress, aText("address, or off")}
	proxies = kind[Proxies]{node.proxies, func() *schema {
		s := networksSchema()
		s.Title = "list of addresses and networks, or unix"
		return s
	}}
)

func (c *compiler) serverSettings() []setting {
	s := &c.server
	return []setting{
		{"listen", addresses.to(&s.Listen), "the public door, for hooks and nothing else; `unix:/run/x.sock` for a socket", "`:9000`"},
		{"console", doors.to(&s.Console), "the private door: health; `off` closes it", "`127.0.0.1:9001`"},
		{"public_url", form{func(n node) { c.urlUnread = n.unreadIn(func() { s.PublicURL = n.url() }) }, urls.schema}, "what senders call, for schemes that sign the URL; never guessed from the Host header", ""},
		{"console_url", urls.to(&s.ConsoleURL), "where people reach the console; what links in messages point to", "no links"},
		{"trusted_proxies", proxies.to(&s.TrustedProxies), "addresses and networks whose X-Forwarded-For is believed; `unix`: who connects by the socket of `listen`", "none"},
		{"tls", tlses.to(&s.TLS).as("tls: {cert: /etc/ssl/hooks.pem, key: /etc/ssl/hooks.key}"), "the public door speaks HTTPS, with a certificate and its key in PEM; read again when they change", "HTTP"},
		{"max_body", sizes.to(&s.MaxBody), "of a request, in bytes; beyond that, senders are answered 413", "`25MiB`"},
		{"max_running", counts.to(&s.MaxRunning), "runs at once, over all hooks", "`32`"},
		{"max_queued", counts.to(&s.MaxQueued), "runs that wait for a place; beyond that, senders are answered 503", "`10000`"},
	}
}

var tlses = kind[*TLS]{readTLS, func() *schema { return mappingOf(tlsSettings(&TLS{})...) }}

func tlsSettings(t *TLS) []setting {
	return []setting{
		{"cert", folders.to(&t.Cert), "the certificate's file, with those that lead to it", mustBe},
		{"key", folders.to(&t.Key), "the key's file", mustBe},
	}
}

func readTLS(n node) *TLS {
	t := &TLS{}
	n.mapping(tlsSettings(t)...)
	if n.Kind == yaml.MappingNode && (t.Cert == "" || t.Key == "") {
		n.problem("needs both files, as in {cert: cert.pem, key: key.pem}")
	}
	return t
}

func (c *compiler) keepSettings() []setting {
	k := &c.keep
	return []setting{
		{"deliveries", durations.do(func(d Duration) { k.Deliveries = time.Duration(d) }), "how long deliveries are kept, with their payloads", "`30d`"},
		{"runs", durations.do(func(d Duration) { k.Runs = time.Duration(d) }), "how long ended runs are kept, with their output", "`90d`"},
		{"output", sizes.to(&k.Output), "how much output of all runs together is kept", "`2GiB`"},
	}
}

// folder reads a path, of a file too; a relative one starts beside the file.
func (n node) folder() string {
	path := n.plain()
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(n.file.folder(), path)
}

// address reads where to listen: ":9000", "127.0.0.1:9000", "unix:/run/x.sock".
// What a reference stood for is never part of a message, here and below.
func (n node) address() string {
	a := n.plain()
	if path, ok := strings.CutPrefix(a, "unix:"); ok {
		if !filepath.IsAbs(path) {
			n.problem("%q: a socket needs its whole path: unix:/run/hooktender/hooks.sock", n.Value)
		}
		return a
	}
	_, port, err := net.SplitHostPort(a)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil && a != "" {
		n.problem("%q is not an address; write \":9000\", \"127.0.0.1:9000\" or \"unix:/run/hooktender/hooks.sock\"", n.Value)
	}
	return a
}

// consoleAddress is an address or off, which YAML also spells false.
func (n node) consoleAddress() string {
	if n.isOff() {
		return "off"
	}
	return n.address()
}

func (n node) url() string {
	s := n.plain()
	u, err := url.Parse(s)
	if s != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
		n.problem("%q is not a URL; write https://hooks.example.com", n.Value)
	}
	return strings.TrimSuffix(s, "/")
}

func networksSchema() *schema {
	s := listOf(aText("address or network")())
	s.Title, s.MinItems = "list of addresses and networks", 0
	return s
}

// proxies reads addresses and networks, and the word unix.
func (n node) proxies() (p Proxies) {
	for _, e := range n.list() {
		if e.Value == "unix" {
			p.Unix = true
			continue
		}
		p.Networks = append(p.Networks, e.prefix()...)
	}
	return p
}

// prefixes reads addresses and networks. A single address means just itself,
// which for IPv6 is a /128.
func (n node) prefixes() []netip.Prefix {
	var prefixes []netip.Prefix
	for _, e := range n.list() {
		prefixes = append(prefixes, e.prefix()...)
	}
	return prefixes
}

// prefix reads one of them, or tells what is wrong with it.
func (n node) prefix() []netip.Prefix {
	s := n.plain()
	p, err := parsePrefix(s)
	if err != nil {
		if s != "" { // else told already
			n.problem("%q is neither an address nor a network; write 10.0.0.1, 10.0.0.0/8 or fd00::/8", n.Value)
		}
		return nil
	}
	return []netip.Prefix{p}
}
