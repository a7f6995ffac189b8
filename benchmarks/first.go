package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/encas-zoo/encas-zoo/study"
)

const firstAbout = "`encas-zoo optimize` without flags, from the start of the process to its end: everything that it needs to say what a person reads, expected accuracies included. It ends by itself when more search is not worth it."

// firstAnswers times the command on a small, a middling and a large zoo.
func firstAnswers(ctx context.Context, b *bench) ([]Row, error) {
	work, err := os.MkdirTemp("", "encas-zoo-first-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	command, err := buildCommand(ctx, work)
	if err != nil {
		return nil, err
	}
	large, err := b.zooDir(ctx)
	if err != nil {
		return nil, err
	}
	cifar10, err := importedCIFAR10(ctx, b.dir)
	if err != nil {
		return nil, err
	}
	var rows []Row
	for _, zoo := range []struct {
		what, dir string
		runs      int
		seconds   float64 // promised
	}{
		{"example, 44 models, 899 samples", study.Example, b.longRuns, 15},
		{"CIFAR-10, 29 models, 10,000 samples", cifar10, b.longRuns, 15},
		{fmt.Sprintf("simulated, %d models, %d samples", b.models, b.samples), large, 1, 120},
	} {
		if zoo.dir == "" {
			rows = append(rows, missing(zoo.what, "../shared/data/cifar10 is not there"))
			continue
		}
		var printed []byte
		run := 0
		seconds, err := alternate(0, zoo.runs, func() error {
			run++
			var out, problems bytes.Buffer
			c := exec.CommandContext(ctx, command, "optimize", "--zoo", zoo.dir, "--out", filepath.Join(work, filepath.Base(zoo.dir)+strconv.Itoa(run)))
			c.Stdout, c.Stderr = &out, &problems
			if err := c.Run(); err != nil {
				return fmt.Errorf("optimize on %s: %w\n%s", zoo.dir, err, problems.Bytes())
			}
			printed = out.Bytes()
			return nil
		})
		if err != nil {
			return nil, err
		}
		rows = append(rows, row(zoo.what, "s", seconds[0]).atMost(zoo.seconds),
			row(zoo.what+", cascades shown", "", []float64{float64(len(tableRow.FindAll(printed, -1)))}).atMost(25))
	}
	return rows, nil
}

// buildCommand builds encas-zoo into a folder, and returns its path.
func buildCommand(ctx context.Context, dir string) (string, error) {
	command := filepath.Join(dir, "encas-zoo")
	build := exec.CommandContext(ctx, "sh", "-c", `cd "$(go list -m -f '{{.Dir}}')" && exec go build -o "$0" ./cmd/encas-zoo`, command)
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building encas-zoo: %w\n%s", err, out)
	}
	return command, nil
}

// tableRow is the beginning of a row of the table of cascades.
var tableRow = regexp.MustCompile(`(?m)^ *\d+ +\d+\.\d\d %`)

// importedCIFAR10 returns the folder of a zoo of the CIFAR-10 outputs, "" if they are not
// at hand.
func importedCIFAR10(ctx context.Context, dir string) (string, error) {
	source, dir := filepath.Join("..", "shared", "data", "cifar10"), filepath.Join(dir, "cifar10")
	if _, err := os.Stat(source); err != nil {
		return "", nil
	}
	_, err := study.Import(ctx, dir, study.ImportOptions{Format: "npy", Sources: []string{source}, Splits: []string{"all"}}, study.Watch{})
	return dir, err
}
