package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/hooktender/hooktender/store"
)

// stateOptions are the flags that say which state folder is meant.
type stateOptions struct{ file, state string }

func stateCommand() *cobra.Command {
	var o stateOptions
	cmd := &cobra.Command{
		Use:   "state",
		Short: "Check and back up the database",
		Args:  exactly(0),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	flags := cmd.PersistentFlags()
	flags.StringVar(&o.state, "state", "", "the state folder (default: that of the configuration)")
	flags.StringVar(&o.file, "file", "", "the configuration that says where the state folder is (default: hooktender.yaml here, or in /etc/hooktender)")
	cmd.AddCommand(&cobra.Command{
		Use:   "check",
		Short: "Say whether the database is whole",
		Long: `Check reads all of the database and says what is wrong with it. It changes
nothing, and the server may be running. It exits with 1 if anything is wrong.`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return stateCheck(cmd, o) },
	}, &cobra.Command{
		Use:   "backup FILE",
		Short: "Write a copy of the database to a new file",
		Long: `Backup writes a consistent copy of the database to FILE, which must not be there
yet. The server may be running. To restore it: stop the server, remove
hooktender.db, hooktender.db-wal and hooktender.db-shm from the state folder, and
put FILE there as hooktender.db, readable by the server's user alone.`,
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error { return stateBackup(cmd, o, args[0]) },
	})
	return cmd
}

func (o stateOptions) folder() (string, error) {
	if o.state != "" {
		return o.state, nil
	}
	dir, err := stateOf(o.file)
	if err != nil {
		return "", usageError{fmt.Errorf("find the state folder: %w; name it with --state, or its configuration with --file", err)}
	}
	return dir, nil
}

func stateCheck(cmd *cobra.Command, o stateOptions) error {
	dir, err := o.folder()
	if err != nil {
		return err
	}
	problems, schema, err := store.Check(cmd.Context(), dir)
	if err != nil {
		return err
	}
	database := filepath.Join(dir, "hooktender.db")
	if len(problems) == 0 {
		fmt.Fprintf(cmd.OutOrStdout(), "%s: no problems (schema %d)\n", database, schema)
		return nil
	}
	for _, p := range problems {
		fmt.Fprintln(cmd.OutOrStdout(), p)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s\n", database, counted(len(problems), "problem"))
	if len(problems) > 1 || schema <= store.Schema() { // a newer one is not damaged
		fmt.Fprintln(cmd.ErrOrStderr(), wayOut)
	}
	return silent(exitNo)
}

func stateBackup(cmd *cobra.Command, o stateOptions, file string) error {
	dir, err := o.folder()
	if err != nil {
		return err
	}
	if err := store.Backup(cmd.Context(), dir, file); err != nil {
		return explainDamage(err)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "wrote %s\n", file)
	return nil
}

// wayOut is for somebody whose database is damaged.
const wayOut = `What to do: stop the server, and move hooktender.db, hooktender.db-wal and
hooktender.db-shm out of the state folder. Then
  with a backup (hooktender state backup): put it there as hooktender.db;
  without one: sqlite3 DAMAGED.db .recover | sqlite3 hooktender.db saves what can be
  read; or start with an empty folder, which forgets what was waiting to run.
Afterwards "hooktender state check" says whether all is well. Then look after the disk.`

// explainDamage adds the way out to an error that needs it.
func explainDamage(err error) error {
	if !store.IsDamaged(err) {
		return err
	}
	return fmt.Errorf("the database is damaged: %w\n%s", err, wayOut)
}
