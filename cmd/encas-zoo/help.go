package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// commandsHelp is the template of a list of commands.
const commandsHelp = `Usage: {{.HelpName}} COMMAND [flags] [arguments]

Commands:
{{- range .VisibleCommands}}
   {{.Name}}{{"\t"}}{{.Usage}}{{end}}

'{{.HelpName}} COMMAND --help' explains a command.`

// groupHelp is the template of the help of a command that has subcommands.
const groupHelp = "{{.HelpName}}: {{.Usage}}\n\n" + commandsHelp + "\n"

// appHelp is the template of the program's help.
const appHelp = `{{.Name}}: {{.Usage}}

{{.Description}}

` + commandsHelp + ` Flags may be anywhere after the
command; -- ends them.

First steps, with nothing but the program:
   encas-zoo optimize                    search a zoo that is built in (or --zoo cifar10)
   encas-zoo zoo info                    inspect it
   encas-zoo optimize --zoo DIR          search your own, after encas-zoo import

Environment:
   ENCAS_ZOO                             the zoo to use without --zoo
   ENCAS_KERNEL                          generic, avx2, avx512 or neon: the kernels to use (default: the fastest)
   AWS_ENDPOINT_URL and others           the S3 server and its keys: see encas-zoo zoo push --help
   ENCAS_DEBUG                           1: bugs show the stack of the program
   ENCAS_PYTHONPATH                      further folders of Python packages (PYTHONPATH is not used)
   NO_COLOR                              no colours
   TERM                                  dumb: no colours, drawings or rewritten lines

Exit codes: 0 success, 1 error, 2 usage error, 3 part failed, 130 interrupted.

Version: {{.Version}}
`

// commandHelp returns the template of the help of a command that does something, with
// its examples and its exit codes other than the common ones.
func commandHelp(examples string, exits ...string) string {
	exits = append([]string{"0    success", "1    error", "2    usage error; nothing was done"}, exits...)
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

// flagHelp returns a flag's line in the help: names, value, usage.
func flagHelp(flag cli.Flag) string {
	text := "--" + strings.Join(flag.Names(), ", -") // a second name is a letter
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

// plainUsage is a flag's usage without the backquotes around its value.
func plainUsage(flag cli.Flag) string {
	return strings.ReplaceAll(flag.(cli.DocGenerationFlag).GetUsage(), "`", "")
}
