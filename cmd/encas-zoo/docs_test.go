package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/urfave/cli/v2"
)

const cliDoc = "../../docs/cli.md"

// docs/cli.md is the program's own help, so that it cannot say anything else.
func TestCommandReference(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("# Command line\n\nWhat `encas-zoo COMMAND --help` says, made by `go test ./cmd/encas-zoo -update`.\n")
	app := newApp(os.Stdout, os.Stderr)
	names := []string{""}
	for _, command := range app.Commands {
		if len(command.Subcommands) == 0 {
			names = append(names, command.Name)
		}
		for _, sub := range command.Subcommands {
			names = append(names, command.Name+" "+sub.Name)
		}
	}
	for _, name := range names {
		help := program(t, t.TempDir(), append(strings.Fields(name), "--help")...)
		for _, need := range []string{"Usage: ", "Examples:", "Exit codes:"} {
			if name != "" && !strings.Contains(help, need) {
				t.Errorf("the help of %q has no %q", name, need)
			}
		}
		help, _, _ = strings.Cut(help, "\nVersion: ")
		b.WriteString("\n## encas-zoo " + name + "\n\n```text\n" + strings.TrimSpace(help) + "\n```\n")
	}
	text := strings.Replace(b.String(), "## encas-zoo \n", "## encas-zoo\n", 1)
	if *update {
		if err := os.WriteFile(cliDoc, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(cliDoc); err != nil || string(have) != text {
		t.Errorf("docs/cli.md is not what the program says (%v): run go test ./cmd/encas-zoo -update", err)
	}
}

var (
	mdLink    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	mdHeading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	mdCode    = regexp.MustCompile("(?s)```.*?```")
)

// Links in the documentation lead to files that are there, and to headings in them.
func TestLinks(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, "../../README.md", "../../CHANGELOG.md", "../../benchmarks/README.md", "../../zoo/example/README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range mdLink.FindAllStringSubmatch(mdCode.ReplaceAllString(string(text), ""), -1) {
			if strings.Contains(link[1], "://") {
				continue
			}
			path, anchor, _ := strings.Cut(link[1], "#")
			target := page
			if path != "" {
				target = filepath.Join(filepath.Dir(page), path)
			}
			linked, err := os.ReadFile(target)
			if err != nil && anchor == "" {
				_, err = os.Stat(target) // a folder
			}
			if err != nil {
				t.Errorf("%s: the link %s leads nowhere", page, link[1])
				continue
			}
			if anchor != "" && !slices.ContainsFunc(mdHeading.FindAllStringSubmatch(string(linked), -1), func(h []string) bool { return headingAnchor(h[1]) == anchor }) {
				t.Errorf("%s: %s has no heading #%s", page, target, anchor)
			}
		}
	}
}

// headingAnchor is what a heading is called in an address.
func headingAnchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_':
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

// A flag of one name takes a value in all commands or in none: arrange relies on
// it. The help of a flag that takes one says what.
func TestFlagsAgree(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, command := range leaves(newApp(os.Stdout, os.Stderr)) {
		for _, flag := range command.Flags {
			doc := flag.(cli.DocGenerationFlag)
			for _, name := range flag.Names() {
				if takes, ok := seen[name]; ok && takes != doc.TakesValue() {
					t.Errorf("flag --%s takes a value in some commands only; see %s", name, command.Name)
				}
				seen[name] = doc.TakesValue()
			}
			if doc.TakesValue() != strings.Contains(doc.GetUsage(), "`") {
				t.Errorf("%s: the help of %v must name what follows it, in backquotes, if anything does", command.Name, flag.Names())
			}
		}
	}
}
