package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hooktender/hooktender/rules"
)

// testOptions are the flags of test.
type testOptions struct {
	file   string // configuration, if the argument is a file with cases
	only   string
	junit  string
	json   bool
	from   int64
	socket string
}

func testCommand() *cobra.Command {
	var o testOptions
	cmd := &cobra.Command{
		Use:   "test [FILE|DIR]",
		Short: "Run your own test cases against the rules",
		Long: `Test runs the cases in the *.test.yaml files beside a configuration: requests, and
what is to become of each. Nothing is run or stored, and neither a server nor the
secrets are needed. FILE is the configuration, or a file with cases, of which the
configuration is hooktender.yaml beside it, or else all *.yaml there.

With --from-delivery N it writes a case of a delivery that the running server has
stored: its payload into a file beside the case, its headers without what proved
the sender, and what becomes of it now. The case is added to FILE if that is a file
with cases, and printed if not.

It exits with 0 if all cases pass, and with 1 if one does not or there is none.`,
		Example: `  hooktender test
  hooktender test /etc/hooktender --junit report.xml
  hooktender test --from-delivery 17 hooktender.test.yaml`,
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(cmd); err != nil {
				return usageError{err}
			}
			if o.from != 0 {
				return o.keep(cmd, args)
			}
			return o.run(cmd, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.file, "file", "", "the configuration, if FILE is a file with cases")
	flags.StringVar(&o.only, "only", "", "only the cases with this text in their name")
	flags.StringVar(&o.junit, "junit", "", "also write a JUnit report to this file")
	flags.BoolVar(&o.json, "json", false, "print JSON")
	flags.Int64Var(&o.from, "from-delivery", 0, "write a case of this delivery")
	flags.StringVar(&o.socket, "socket", "", "with --from-delivery: the server's socket")
	return cmd
}

func (o *testOptions) check(cmd *cobra.Command) error {
	keeps := cmd.Flags().Changed("from-delivery")
	switch {
	case keeps && o.from < 1:
		return errors.New("--from-delivery: ids are numbers from 1")
	case keeps && (o.only != "" || o.junit != "" || o.json):
		return errors.New("--from-delivery writes a case and runs none; leave --only, --junit and --json out")
	case !keeps && o.socket != "":
		return errors.New("--socket is for --from-delivery; all else needs no server")
	}
	return nil
}

// files says which configuration the argument means, and which file with cases,
// "" for all beside it.
func (o *testOptions) files(args []string) (config, cases string, err error) {
	switch {
	case len(args) > 0 && rules.IsCaseFile(args[0]):
		cases = args[0]
		config = o.file
		if config == "" {
			config = filepath.Join(filepath.Dir(cases), defaultFile)
			if !exists(config) {
				config = filepath.Dir(cases)
			}
		}
		return config, cases, nil
	case len(args) > 0 && o.file != "":
		return "", "", usageError{errors.New("--file says again what the argument says; leave one of them out")}
	case len(args) > 0:
		return args[0], "", nil
	case o.file != "":
		return o.file, "", nil
	}
	return usualFile(), "", nil
}

func (o *testOptions) run(cmd *cobra.Command, args []string) error {
	file, named, err := o.files(args)
	if err != nil {
		return err
	}
	config, err := loadToExplain(file)
	if err != nil {
		return err
	}
	cases, err := readCases(file, named)
	if err != nil {
		return err
	}
	var results []*caseResult
	for _, c := range cases {
		if strings.Contains(c.Name, o.only) {
			results = append(results, runCase(config, c))
		}
	}
	if len(results) == 0 {
		return fmt.Errorf("--only: none of %s has %q in its name", counted(len(cases), "case"), o.only)
	}
	if o.json {
		err = printJSON(cmd.OutOrStdout(), results)
	} else {
		printResults(cmd.OutOrStdout(), results)
	}
	if o.junit != "" {
		err = errors.Join(err, writeJUnit(o.junit, results))
	}
	if err == nil && countFailed(results) > 0 {
		return silent(exitNo)
	}
	return err
}

// readCases reads the file with cases that is named, or all beside the
// configuration. What is wrong with any of them is told at once.
func readCases(config, named string) ([]*rules.Case, error) {
	files := []string{named}
	if named == "" {
		var err error
		if files, err = rules.CaseFiles(config); err != nil {
			return nil, fmt.Errorf("look for test cases: %w", err)
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no *.test.yaml is beside %s, so nothing was tested; write one, as in\n\n%s", config, firstCase)
	}
	var all []*rules.Case
	var problems rules.Problems
	for _, file := range files {
		cases, err := rules.ReadCases(file)
		var wrong rules.Problems
		if errors.As(err, &wrong) {
			problems = append(problems, wrong...)
		} else if err != nil {
			return nil, fmt.Errorf("read the test cases: %w", err)
		}
		all = append(all, cases...)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return all, nil
}

// firstCase shows who has no case yet what one is.
const firstCase = `cases:
  - name: a push to main redeploys
    hook: /github/website
    send: {github: push}
    set: {ref: refs/heads/main}
    expect: {rules: [redeploy]}

or have one written of something that arrived: hooktender test --from-delivery N`
