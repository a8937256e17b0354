package main

import "github.com/spf13/cobra"

func c2cCommand() *cobra.Command { return &cobra.Command{Use: "c2c"} }
