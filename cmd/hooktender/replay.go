package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hooktender/hooktender/rules"
)

func deliveriesReplayCommand(c *client) *cobra.Command {
	var l listing
	var rate string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "replay [N…]",
		Short: "Send stored deliveries through the rules of now, as if they arrived now",
		Long: `Replay makes a new delivery of each one that is named by its number, or that the
filters find, oldest first. What was let in then is not asked again to prove that
it is genuine; what was rejected is, which helps when the secret was wrong. The
provider is not involved.`,
		Example: `  hooktender deliveries replay 17
  hooktender deliveries replay --hook /github/website --since 2h --verdict error --rate 1/s
  hooktender deliveries replay --hook /shop --since "2006-01-02 15:04:05" --limit 1000 --dry-run`,
		RunE: func(cmd *cobra.Command, args []string) error {
			pace, err := paceOf(rate)
			if err != nil {
				return usageError{fmt.Errorf("--rate: %w", err)}
			}
			filtered := l.hook != "" || l.words != "" || l.since != ""
			if filtered == (len(args) > 0) {
				return usageError{errors.New("name deliveries by their numbers, or say which with --hook, --verdict or --since")}
			}
			if filtered {
				if args, err = c.found(cmd, &l); err != nil {
					return err
				}
			}
			if dryRun {
				fmt.Fprintf(cmd.OutOrStdout(), "would replay %d: %s\n", len(args), strings.Join(args, " "))
				return nil
			}
			next := time.Now()
			return each(cmd, args, func(n int64) error {
				if err := sleepUntil(cmd.Context(), next); err != nil {
					return err
				}
				next = time.Now().Add(pace)
				return c.replay(cmd, n)
			})
		},
	}
	l.addFilters(cmd, "verdict")
	cmd.Flags().StringVar(&rate, "rate", "10/s", "at most so many in a time: 1/s, 30/m, 100/h")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say which")
	return cmd
}

// found lists the ids of the deliveries that the filters mean, oldest first.
func (c *client) found(cmd *cobra.Command, l *listing) ([]string, error) {
	q, err := l.query("verdict")
	if err != nil {
		return nil, err
	}
	var list []shownDelivery
	if err := c.get(cmd.Context(), "/api/deliveries", q, &list); err != nil {
		return nil, err
	}
	if len(list) == l.limit {
		fmt.Fprintf(cmd.ErrOrStderr(), "only the newest %d are taken (--limit)\n", l.limit)
	}
	var ids []string
	for _, d := range list {
		if d.ReplayOf == 0 && !isHandshake(d) { // what was sent again once is not sent twice
			ids = append(ids, strconv.FormatInt(d.ID, 10))
		}
	}
	slices.Reverse(ids)
	return ids, nil
}

// isHandshake tells that a delivery is a provider's check of the address, which
// no rule is asked about.
func isHandshake(d shownDelivery) bool { return d.Verdict == rules.Ignored && len(d.Decisions) == 0 }

func (c *client) replay(cmd *cobra.Command, n int64) error {
	var said struct {
		Delivery int64
		Verdict  rules.Verdict
		Runs     []struct{ ID int64 }
	}
	if err := c.post(cmd.Context(), fmt.Sprintf("/api/deliveries/%d/replay", n), nil, &said); err != nil {
		return err
	}
	text := fmt.Sprintf("delivery %d is replayed as %d: %s", n, said.Delivery, said.Verdict)
	for _, r := range said.Runs {
		text += fmt.Sprintf(", run %d", r.ID)
	}
	fmt.Fprintln(cmd.OutOrStdout(), text)
	return nil
}

// paceOf is the time between two of a rate like 10/s.
func paceOf(rate string) (time.Duration, error) {
	number, unit, _ := strings.Cut(rate, "/")
	n, err := strconv.ParseFloat(number, 64)
	per, known := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[unit]
	if err != nil || !known || !(n > 0) || math.IsInf(n, 0) {
		return 0, fmt.Errorf("%q is not a rate like 10/s, 30/m or 100/h", rate)
	}
	return time.Duration(float64(per) / n), nil
}

func sleepUntil(ctx context.Context, t time.Time) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Until(t)):
		return nil
	}
}
