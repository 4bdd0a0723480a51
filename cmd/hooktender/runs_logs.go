package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hooktender/hooktender/runner"
	"github.com/hooktender/hooktender/server"
)

func runsLogsCommand(c *client) *cobra.Command {
	var follow, asJSON, times bool
	cmd := &cobra.Command{
		Use:   "logs N",
		Short: "Print what a run printed",
		Long: `Logs prints the output of a run as it was, standard error to standard error. With
-f it waits for more until the run has ended, and exits with 0 only if it succeeded.`,
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := id(args[0])
			if err != nil {
				return err
			}
			var r runner.Run
			if err := c.get(cmd.Context(), fmt.Sprintf("/api/runs/%d", n), nil, &r); err != nil {
				return err
			}
			if begins := follow && r.State == runner.Queued; r.Attempt == 0 && !asJSON && !begins {
				fmt.Fprintln(cmd.ErrOrStderr(), printable(notBegun(&r)))
			}
			if err := c.logs(cmd, n, follow, asJSON, times); err != nil || !follow {
				return err
			}
			if err := c.get(cmd.Context(), fmt.Sprintf("/api/runs/%d", n), nil, &r); err != nil {
				return err
			}
			if r.State != runner.Succeeded {
				fmt.Fprintf(cmd.ErrOrStderr(), "run %d: %s: %s\n", r.ID, r.State, printable(r.Error))
				return silent(exitNo)
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "wait for more until the run has ended")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object for each piece, data in base64")
	cmd.Flags().BoolVarP(&times, "times", "t", false, "put time and stream in front of each piece")
	return cmd
}

// notBegun says of a run that has printed nothing why that is so.
func notBegun(r *runner.Run) string {
	text := fmt.Sprintf("run %d has not begun: it is %s", r.ID, shownState(r))
	switch {
	case r.Hold != "":
		return text + fmt.Sprintf("; hooktender runs approve %d lets it begin", r.ID)
	case r.Error != "":
		return text + ": " + r.Error
	}
	return text
}

// logs copies a run's output to where it belongs.
func (c *client) logs(cmd *cobra.Command, run int64, follow, asJSON, times bool) error {
	query := url.Values{}
	if follow {
		query.Set("follow", "1")
	}
	body, err := c.open(cmd.Context(), "GET", fmt.Sprintf("/api/runs/%d/output", run), query)
	if err != nil {
		return err
	}
	defer body.Close()
	if asJSON {
		_, err := io.Copy(cmd.OutOrStdout(), body)
		return err
	}
	attempt := 1
	for decoder := json.NewDecoder(body); ; {
		var line server.Line
		switch err := decoder.Decode(&line); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("the output breaks off: %w", err)
		case line.Error != "":
			return errors.New(line.Error)
		}
		if line.Attempt > attempt {
			attempt = line.Attempt
			fmt.Fprintf(cmd.ErrOrStderr(), "[attempt %d]\n", attempt)
		}
		if err := printLine(cmd, line, times); err != nil {
			return err
		}
	}
}

func printLine(cmd *cobra.Command, line server.Line, times bool) error {
	w := cmd.OutOrStdout()
	switch line.Stream {
	case runner.Stderr.String():
		w = cmd.ErrOrStderr()
	case runner.Gap.String():
		_, err := fmt.Fprintf(cmd.ErrOrStderr(), "\n[… %d bytes left out …]\n", line.Omitted)
		return err
	}
	if times {
		for text := range strings.Lines(string(line.Data)) {
			fmt.Fprintf(w, "%s %s  %s\n", line.Time.Local().Format("15:04:05.000"), line.Stream, strings.TrimRight(text, "\n"))
		}
		return nil
	}
	_, err := w.Write(line.Data)
	return err
}
