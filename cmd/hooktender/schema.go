package main

import (
	"github.com/spf13/cobra"

	"github.com/hooktender/hooktender/rules"
)

func schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the configuration, for editors",
		Long: `Print the JSON Schema of the configuration. Editors with the YAML language server
complete and check by it, if the configuration begins with

  # yaml-language-server: $schema=hooktender.schema.json`,
		Example: "  hooktender schema > hooktender.schema.json",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := rules.Schema()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
}
