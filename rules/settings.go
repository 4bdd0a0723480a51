package rules

import (
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// compiler gathers what the files say.
type compiler struct {
	server   Server
	state    string
	keep     Keep
	defaults ruleSettings
	hooks    []*Hook
	paths    map[string]node // the key of each hook, by path
}

func (c *compiler) readServer(n node) {
	s := &c.server
	n.mapping(
		setting{"listen", func(n node) { s.Listen = n.address() }},
		setting{"console", func(n node) { s.Console = n.consoleAddress() }},
		setting{"public_url", func(n node) { s.PublicURL = n.url() }},
		setting{"trusted_proxies", func(n node) { s.TrustedProxies = n.prefixes() }},
		setting{"max_body", func(n node) { s.MaxBody = n.size() }},
		setting{"max_running", func(n node) { s.MaxRunning = n.count() }},
		setting{"max_queued", func(n node) { s.MaxQueued = n.count() }},
	)
}

func (c *compiler) readKeep(n node) {
	k := &c.keep
	n.mapping(
		setting{"deliveries", func(n node) { k.Deliveries = time.Duration(n.duration()) }},
		setting{"runs", func(n node) { k.Runs = time.Duration(n.duration()) }},
		setting{"output", func(n node) { k.Output = n.size() }},
	)
}

// folder reads a path; a relative one starts beside the file.
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
	if n.Value == "off" || n.Tag == "!!bool" && n.Value == "false" {
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

// prefixes reads addresses and networks. A single address means just itself,
// which for IPv6 is a /128.
func (n node) prefixes() []netip.Prefix {
	var prefixes []netip.Prefix
	for _, e := range n.list() {
		s := e.plain()
		p, err := netip.ParsePrefix(s)
		if addr, addrErr := netip.ParseAddr(s); addrErr == nil {
			addr = addr.Unmap() // ::ffff:10.0.0.1 is how some write 10.0.0.1
			p, err = addr.Prefix(addr.BitLen())
		}
		if err != nil {
			if s != "" { // else told already
				e.problem("%q is neither an address nor a network; write 10.0.0.1, 10.0.0.0/8 or fd00::/8", e.Value)
			}
			continue
		}
		prefixes = append(prefixes, p.Masked())
	}
	return prefixes
}

// ruleSettings are what a rule says or the defaults say for it.
type ruleSettings struct {
	dir         string
	env         []envSetting
	noStdin     bool
	shell       []string
	timeout     Duration
	grace       Duration
	outputLimit int64
	limits      Limits
	user        string // "": the server's own
	onInterrupt OnInterrupt
	concurrency *concurrency // nil: only the bound on all runs
	retry       *Retry       // nil: never
	throttle    *pace        // nil: each event counts
	debounce    *pace        // nil: at once
	approve     bool
	loopLimit   int // 0: none
}

type envSetting struct {
	name  string
	value value
}

func ruleDefaults() ruleSettings {
	return ruleSettings{
		shell:       []string{"/bin/sh", "-c"},
		timeout:     Duration(10 * time.Minute),
		grace:       Duration(10 * time.Second),
		outputLimit: 4 << 20,
		onInterrupt: Rerun,
		loopLimit:   10,
	}
}

// settings are those that stand in a rule and in defaults alike.
func (r *ruleSettings) settings() []setting {
	return []setting{
		{"dir", func(n node) { r.dir = n.folder() }},
		{"env", func(n node) { r.readEnv(n) }},
		{"stdin", func(n node) { r.noStdin = n.one("payload", "none") == "none" }},
		{"shell", func(n node) { r.shell = n.shell() }},
		{"timeout", func(n node) { r.timeout = n.duration() }},
		{"grace", func(n node) { r.grace = n.duration() }},
		{"limits", func(n node) { r.readLimits(n) }},
		{"user", func(n node) { r.user = n.plain() }},
		{"concurrency", func(n node) { r.concurrency = readConcurrency(n) }},
		{"retry", func(n node) { r.retry = readRetry(n) }},
		{"throttle", func(n node) { r.throttle = readThrottle(n) }},
		{"debounce", func(n node) { r.debounce = readDebounce(n) }},
		{"approve", func(n node) { r.approve = n.boolean() }},
		{"loop_limit", func(n node) { r.loopLimit = n.loopLimit() }},
		{"on_interrupt", func(n node) { r.onInterrupt = OnInterrupt(n.one(string(Rerun), string(Fail))) }},
	}
}

// loopLimit is a number, or off, which YAML also spells false.
func (n node) loopLimit() int {
	if n.Value == "off" || n.Tag == "!!bool" && n.Value == "false" {
		return 0
	}
	return n.count()
}

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// readEnv adds to what the defaults set; the same name takes the newer value.
func (r *ruleSettings) readEnv(n node) {
	env := append([]envSetting(nil), r.env...)
	for key, value := range n.entries() {
		name := key.Value
		switch {
		case !envName.MatchString(name):
			key.problem("%q is not a name that a shell can use; write letters, digits and _", name)
		case strings.HasPrefix(name, "HOOKTENDER_"):
			key.problem("%s: names that begin with HOOKTENDER_ are the server's own", name)
		default:
			env = setEnv(env, envSetting{name, value.value()})
		}
	}
	r.env = env
}

func setEnv(env []envSetting, e envSetting) []envSetting {
	for i := range env {
		if env[i].name == e.name {
			env[i] = e
			return env
		}
	}
	return append(env, e)
}

// shell reads the program that takes a script: a name, to which -c is added, or
// a list that says all, as in [bash, -euo, pipefail, -c].
func (n node) shell() []string {
	if n.Kind != yaml.SequenceNode {
		name := n.plain()
		if strings.ContainsAny(name, " \t") {
			n.problem("%q: a shell with options is a list, as in [bash, -euo, pipefail, -c]", name)
		}
		return []string{name, "-c"}
	}
	var argv []string
	for _, e := range n.list() {
		argv = append(argv, e.plain())
	}
	if len(argv) == 0 {
		n.problem("is empty; write bash, or [bash, -euo, pipefail, -c]")
	}
	return argv
}
