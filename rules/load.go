package rules

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/hooktender/hooktender/rules/verify"
)

// A Config is a configuration as it was loaded: complete, compiled and never
// changed again.
type Config struct {
	Server Server
	State  string // folder of the database, absolute
	Keep   Keep
	Set    *Set
	Files  []string // every file that was read, secrets' files included, absolute
}

// Server holds the settings of the doors.
type Server struct {
	Listen         string // address of the public door; "unix:/path" for a socket
	Console        string // address of the private door; "off" closes it
	PublicURL      string // what providers call us, for those that sign the URL
	ConsoleURL     string // what links in messages point to; "" for none
	TrustedProxies Proxies
	TLS            *TLS  // of the public door; nil for none
	MaxBody        int64 // bytes
	MaxRunning     int   // runs at once, over all hooks
	MaxQueued      int   // runs that wait for a place; beyond that, senders are asked to come again
}

// PageOf is where people can look at a run, "" where no console_url is set.
func (s *Server) PageOf(run int64) string {
	if s.ConsoleURL == "" {
		return ""
	}
	return s.ConsoleURL + "/runs/" + strconv.FormatInt(run, 10)
}

// Proxies are those whose X-Forwarded-For is believed.
type Proxies struct {
	Networks []netip.Prefix
	Unix     bool // whoever connects by the server's own Unix socket
}

// A TLS is where a certificate and its key lie, in PEM.
type TLS struct{ Cert, Key string }

// Keep says what of the past is kept.
type Keep struct {
	Deliveries time.Duration
	Runs       time.Duration // ended ones, with their output
	Output     int64         // bytes, of all runs together as they lie on disk
}

func defaultKeep() Keep {
	const day = 24 * time.Hour
	return Keep{Deliveries: 30 * day, Runs: 90 * day, Output: 2 << 30}
}

func defaultServer() Server {
	return Server{Listen: ":9000", Console: "127.0.0.1:9001", MaxBody: 25 << 20, MaxRunning: 32, MaxQueued: 10_000}
}

// Load reads a file, or all *.yaml of a folder, and compiles it. If anything is
// wrong with what the files say the error is [Problems], holding everything at
// once, and of the Config there is only Files: nothing of a wrong configuration
// is used, but a change of one of its files may make it good.
func Load(path string) (*Config, error) { return loadWith(path, false) }

// LoadToExplain is Load for a machine that need not have the secrets: a reference
// that cannot be read there is no problem. A hook whose senders cannot be judged
// without it says so, and all else of it counts.
func LoadToExplain(path string) (*Config, error) { return loadWith(path, true) }

func loadWith(path string, lenient bool) (*Config, error) {
	top, err := readTop(path)
	if err != nil {
		return nil, err
	}
	top.d.lenient = lenient
	return top.compile(path)
}

// compile makes a Config of what the files say.
func (t *topLevel) compile(path string) (*Config, error) {
	c := &compiler{server: defaultServer(), keep: defaultKeep(), defaults: ruleDefaults(), paths: map[string]node{}}
	for _, s := range c.settings() {
		if s.name != "hooks" && s.name != "watch" {
			t.single(s.name, s.form.read)
			continue
		}
		for _, n := range t.settings[s.name] { // of each file
			s.form.read(n)
		}
	}
	set := newSet(c.hooks, c.watches, t.d.secrets, t.d.literals).with(c.channels)
	c.checkQuiets(set)
	if len(c.hooks) == 0 && len(c.watches) == 0 && len(t.d.problems) == 0 {
		t.d.problems = Problems{{File: path, What: "there are no hooks; every sender would be answered 404"}}
	}
	if len(t.d.problems) > 0 {
		t.d.problems.Sort()
		return &Config{Files: t.files()}, t.d.problems
	}
	return &Config{
		Server: c.server,
		State:  stateFolder(c.state),
		Keep:   c.keep,
		Set:    set,
		Files:  t.files(),
	}, nil
}

// StateFolder reads only which state folder a configuration means, and whether it
// names one. It needs none of the secrets, so that a person without them can ask
// the running server.
func StateFolder(path string) (folder string, named bool, err error) {
	top, err := readTop(path)
	if err != nil {
		return "", false, err
	}
	for _, s := range top.sources {
		if s.root == nil && !top.collectState(s) {
			return "", false, top.d.problems
		}
	}
	top.d.problems = nil // of the other settings
	var state string
	top.single("state", func(n node) { state = n.folder() })
	if len(top.d.problems) > 0 {
		return "", false, top.d.problems
	}
	return stateFolder(state), state != "", nil
}

// stateFolder is the folder to use where the file names none: what systemd gave,
// the system's place for root, the user's own place for anyone else.
func stateFolder(configured string) string {
	if configured != "" {
		return configured
	}
	if dir := os.Getenv("STATE_DIRECTORY"); dir != "" {
		return strings.Split(dir, ":")[0]
	}
	if os.Geteuid() == 0 {
		return "/var/lib/hooktender"
	}
	home := os.Getenv("XDG_STATE_HOME")
	if home == "" {
		home = filepath.Join(os.Getenv("HOME"), ".local", "state")
	}
	return filepath.Join(home, "hooktender")
}

// topLevel is what stands at the left margin of all files together.
type topLevel struct {
	d        *decoder
	sources  []*source
	settings map[string][]node
}

func readTop(path string) (*topLevel, error) {
	files, err := findFiles(path)
	if err != nil {
		return nil, err
	}
	top := &topLevel{d: &decoder{secrets: map[Reference]verify.Secret{}, asked: map[Reference]bool{}, missing: map[Reference]error{}}, settings: map[string][]node{}}
	for _, f := range files {
		s, err := readSource(f)
		if err != nil {
			return nil, err
		}
		top.sources = append(top.sources, s)
		if s.parse(top.d, "the file is empty; a file without hooks would answer every sender 404"); s.root != nil {
			top.collect(node{Node: s.root, d: top.d, file: s})
		}
	}
	return top, nil
}

func (t *topLevel) collect(n node) {
	if n.Kind != yaml.MappingNode {
		n = n.in("the file")
	}
	settings := (&compiler{}).settings()
	for i, s := range settings {
		settings[i].form.read = func(n node) { t.settings[s.name] = append(t.settings[s.name], n) }
	}
	n.mapping(settings...)
}

// collectState looks for the state folder in a file that is no YAML as a whole:
// whoever broke it wants to ask the running server all the more.
func (t *topLevel) collectState(s *source) (found bool) {
	for i, line := range s.lines {
		var document yaml.Node
		if !strings.HasPrefix(line, "state:") || yaml.Unmarshal([]byte(line), &document) != nil ||
			document.Content[0].Kind != yaml.MappingNode {
			continue
		}
		pair := document.Content[0].Content
		pair[1].Line = i + 1
		t.settings["state"] = append(t.settings["state"], node{Node: pair[1], d: t.d, file: s, where: "state"})
		return true
	}
	return false
}

// single reads a setting that may stand in one of the files only.
func (t *topLevel) single(name string, read func(node)) {
	for i, n := range t.settings[name] {
		if i > 0 {
			n.problem("stands in %s already; it can stand in one file only", t.settings[name][0].file.path)
			continue
		}
		read(n)
	}
}

// files lists every file whose change would change the configuration.
func (t *topLevel) files() []string {
	var files []string
	for _, s := range t.sources {
		files = append(files, s.absolute())
	}
	for ref := range t.d.asked {
		if path := ref.path(); path != "" {
			files = append(files, path)
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}
