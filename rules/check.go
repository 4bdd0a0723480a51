package rules

// A Report is what [Check] found.
type Report struct {
	Config   *Config      // nil if there is an error among the problems
	Problems Problems     // errors and warnings, by position
	Programs []Program    // what the rules start
	Exposed  []SecretFile // files with secrets in them
}

// Check loads a configuration as [Load] does and looks, beyond that, for what
// would be noticed only later: a rule that is never reached, a field that no
// payload has, a comparison that is never true. Such findings are warnings; they
// are there for the rules that can be read, even where others cannot.
//
// With elsewhere the secrets need not be there, as in [LoadToExplain]. The samples
// tell what providers send; without them nothing is known of that. The error is that
// of files, and samples, that cannot be read.
func Check(path string, samples Samples, elsewhere bool) (*Report, error) {
	top, err := readTop(path)
	if err != nil {
		return nil, err
	}
	top.d.lenient = elsewhere
	config, err := top.compile(path)
	if err != nil {
		config = nil
	}
	return top.check(config, samples)
}

// A Checking is a configuration that was loaded, and what is needed to look closer
// at it: all that was read of the files. Let go of it soon.
type Checking struct {
	top    *topLevel
	config *Config
}

// LoadToCheck is [Load] for who wants a [Report] later, and not wait for it now. The
// Checking is nil if there is an error.
func LoadToCheck(path string) (*Config, *Checking, error) {
	top, err := readTop(path)
	if err != nil {
		return nil, nil, err
	}
	config, err := top.compile(path)
	if err != nil {
		return config, nil, err
	}
	return config, &Checking{top, config}, nil
}

// Report is what [Check] says of the configuration as it was loaded. The Config may
// be in use meanwhile; Report itself is called once.
func (c *Checking) Report(samples Samples) (*Report, error) { return c.top.check(c.config, samples) }

func (t *topLevel) check(config *Config, samples Samples) (*Report, error) {
	l := &linter{samples: samples, known: catalogue{}, report: &Report{Config: config, Problems: t.d.problems}, keep: defaultKeep()}
	l.read(t)
	if l.failed != nil {
		return nil, l.failed
	}
	l.report.Problems.Sort()
	return l.report, nil
}
