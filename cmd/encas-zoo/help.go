package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// appHelp is the form of the program's help.
const appHelp = `{{.Name}}: {{.Usage}}

{{.Description}}

Usage: {{.Name}} COMMAND [flags] [arguments]

Commands:
{{- range .VisibleCommands}}
   {{.Name}}{{"\t"}}{{.Usage}}{{end}}

'{{.Name}} COMMAND --help' explains a command. Flags may stand anywhere after the
command; -- ends them.

First steps, with nothing but the program:
   encas-zoo optimize                    search the example zoo that is built in
   encas-zoo zoo info                    see what is in it
   encas-zoo optimize --zoo DIR          search your own, after encas-zoo import

Environment:
   ENCAS_ZOO                             the zoo to use where --zoo is not given
   ENCAS_KERNEL                          generic, avx2 or avx512: the kernels to use (default: the fastest)
   NO_COLOR                              never write colours
   TERM                                  dumb: neither colours nor drawings nor lines that change

Exit codes: 0 it worked, 1 it did not, 2 the command line is wrong, 3 a part failed,
130 interrupted. The help of a command says more.

Version: {{.Version}}
`

// groupHelp is the form of the help of a command that has subcommands.
const groupHelp = `{{.HelpName}}: {{.Usage}}

Usage: {{.HelpName}} COMMAND [flags] [arguments]

Commands:
{{- range .VisibleCommands}}
   {{.Name}}{{"\t"}}{{.Usage}}{{end}}

'{{.HelpName}} COMMAND --help' explains a command.
`

// commandHelp returns the form of the help of a command that does something, with
// its examples and the exit codes it can give beside the common ones.
func commandHelp(examples string, exits ...string) string {
	exits = append([]string{"0    it worked", "1    it did not; the message says why", "2    the command line is wrong; nothing was done"}, exits...)
	return `{{.HelpName}}: {{.Usage}}

Usage: {{.HelpName}} {{.UsageText}}

{{.Description}}

Flags:
{{- range .VisibleFlags}}
   {{.String}}{{end}}

Examples:
   ` + strings.ReplaceAll(strings.TrimSpace(examples), "\n", "\n   ") + `

Exit codes:
   ` + strings.Join(exits, "\n   ") + `
`
}

// flagHelp returns a flag's line in the help: names, what it takes, what it is for.
func flagHelp(flag cli.Flag) string {
	var names []string
	for _, name := range flag.Names() {
		if len(name) == 1 {
			name = "-" + name
		} else {
			name = "--" + name
		}
		names = append(names, name)
	}
	text := strings.Join(names, ", ")
	doc := flag.(cli.DocGenerationFlag)
	if parts := strings.SplitN(doc.GetUsage(), "`", 3); len(parts) == 3 {
		text += " " + parts[1]
	}
	text += "\t" + plainUsage(flag)
	if value := doc.GetValue(); doc.TakesValue() && value != "" && value != "0" && value != "0s" {
		text += fmt.Sprintf(" (default: %s)", value)
	}
	return text
}

// plainUsage is a flag's usage without the marks around what it takes.
func plainUsage(flag cli.Flag) string {
	return strings.ReplaceAll(flag.(cli.DocGenerationFlag).GetUsage(), "`", "")
}
