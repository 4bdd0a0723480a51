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
// tell what providers send. The error is that of files that cannot
// be read.
func Check(path string, samples []Sample, elsewhere bool) (*Report, error) {
	known, err := learn(samples)
	if err != nil {
		return nil, err
	}
	top, err := readTop(path)
	if err != nil {
		return nil, err
	}
	top.d.lenient = elsewhere
	config, err := top.compile(path)
	report := &Report{Problems: top.d.problems}
	if err == nil {
		report.Config = config
	}
	l := &linter{known: known, report: report, keep: defaultKeep()}
	l.read(top)
	report.Problems.Sort()
	return report, nil
}
