// Reads a compose file with the library that docker compose itself reads it with: schema, interpolation and
// references between its parts. For machines that have no docker compose.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	options, err := cli.NewProjectOptions(os.Args[1:], cli.WithOsEnv, cli.WithInterpolation(true))
	if err == nil {
		project, failed := options.LoadProject(context.Background())
		if failed == nil {
			fmt.Printf("the services %s\n", strings.Join(project.ServiceNames(), ", "))
			return
		}
		err = failed
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
