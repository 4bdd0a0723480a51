package main

import (
	"github.com/spf13/cobra"

	"github.com/hooktender/hooktender/rules"
)

func schemaCommand() *cobra.Command {
	var cases bool
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the configuration, for editors",
		Long: `Print the JSON Schema of the configuration. Editors with the YAML language server
complete and check by it, if the configuration begins with

  # yaml-language-server: $schema=hooktender.schema.json`,
		Example: `  hooktender schema > hooktender.schema.json
  hooktender schema --test > hooktender-test.schema.json`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			schema := rules.Schema
			if cases {
				schema = rules.CaseSchema
			}
			text, err := schema()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
	cmd.Flags().BoolVar(&cases, "test", false, "that of a file with test cases (*.test.yaml)")
	return cmd
}
