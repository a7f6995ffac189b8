package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openTerminal returns both ends of a new pseudo-terminal: what is written to slave
// comes out of master, as on a screen of the given size.
func openTerminal(t *testing.T, columns, rows uint16) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("needs pseudo-terminals: %v", err)
	}
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: rows})
	}
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return master, slave
}

// onTerminal runs a program in dir on a terminal of 90 columns, types input, and
// returns what was written to it.
func onTerminal(t *testing.T, dir string, env []string, input string, name string, args ...string) string {
	t.Helper()
	master, slave := openTerminal(t, 90, 40)
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	cmd.Env = append(append(os.Environ(), "TERM=xterm"), env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	ended := time.AfterFunc(2*time.Minute, func() { cmd.Process.Kill() })
	defer ended.Stop()
	if _, err := io.WriteString(master, input); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	// The end of a terminal whose other side is closed is an input/output error.
	if _, err := io.Copy(&out, master); err != nil && !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, &out)
	}
	return strings.ReplaceAll(out.String(), "\r\n", "\n")
}

// screen is what remains to be seen of output after the progress lines were erased.
// It fails the test where anything but colours and erased lines is sent.
func screen(t *testing.T, output string) string {
	t.Helper()
	var lines []string
	for _, line := range strings.Split(output, "\n") {
		parts := strings.Split(line, "\r\x1b[K")
		lines = append(lines, regexp.MustCompile(`\x1b\[(0|1|2|33|36)m`).ReplaceAllString(parts[len(parts)-1], ""))
	}
	text := strings.Join(lines, "\n")
	if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !strconv.IsPrint(r) }); i >= 0 {
		t.Errorf("the terminal got %q", text[i:min(len(text), i+20)])
	}
	return text
}

func TestOptimizeOnTerminal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	args := []string{"optimize", "--zoo", "example", "--algorithm", "random", "--evals", "1000000000", "--time", "1500ms", "--max-gflops", "1e-5", "--out", "a run", "--force"}
	out := onTerminal(t, dir, nil, "", "encas-zoo", args...)
	live := regexp.MustCompile(`\r\x1b\[Ksearching: \S+( [MG])? cascades/s, about [0-9]+ s left, hypervolume 0\.\d{4}, best 9\d\.\d\d % w`)
	if !live.MatchString(out) {
		t.Errorf("no live line in\n%q", out)
	}
	for _, line := range strings.Split(out, "\r\x1b[K") {
		if line, _, _ := strings.Cut(line, "\n"); strings.HasPrefix(line, "searching") && len([]rune(line)) > 89 {
			t.Errorf("a live line of %d columns on a terminal of 90: %q", len([]rune(line)), line)
		}
	}
	seen := screen(t, out)
	if strings.Contains(seen, "searching") {
		t.Errorf("the live line was not cleared:\n%s", seen)
	}
	for _, want := range []string{
		"accuracy   ⠒⠒ cascades   ⠂⠂ best single model   ◆ cascade ", "90 % ┤", "gflops, logarithmic\n",
		"cascade ", "\nNext:\n", "encas-zoo evaluate 'a run' --zoo example --split test ",
		"encas-zoo report 'a run' --open ", "encas-zoo export 'a run' --pick ",
	} {
		if !strings.Contains(seen, want) {
			t.Errorf("no %q on the screen:\n%s", want, seen)
		}
	}
	if !strings.Contains(out, "\x1b[36m") {
		t.Error("no colours")
	}
	if out := onTerminal(t, dir, []string{"NO_COLOR=1"}, "", "encas-zoo", args...); regexp.MustCompile(`\x1b\[\d+m`).MatchString(out) || !strings.Contains(out, "⠒⠒ cascades") {
		t.Errorf("with NO_COLOR the terminal got\n%q", out)
	}
	if out := onTerminal(t, dir, []string{"TERM=dumb"}, "", "encas-zoo", args...); strings.Contains(out, "\x1b") || strings.Contains(out, "⠒") {
		t.Errorf("a dumb terminal got\n%q", out)
	}
	if out := onTerminal(t, dir, nil, "", "encas-zoo", append(args, "--chart", "never")...); strings.Contains(out, "⠒⠒") {
		t.Errorf("with --chart never the terminal got\n%q", out)
	}
}

// What goes into a file or another program has no escape codes, no drawing unless it
// is asked for, and no advice.
func TestOptimizePiped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	run := func(args ...string) string {
		cmd := exec.Command("encas-zoo", append([]string{"optimize", "--zoo", "example", "--algorithm", "random", "--evals", "20000", "--force", "--out", filepath.Join(dir, "run")}, args...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if bytes.ContainsAny(out, "\x1b\r") {
			t.Errorf("escape codes when piped: %q", out)
		}
		return string(out)
	}
	if out := run(); strings.Contains(out, "┤") || strings.Contains(out, "Next:") {
		t.Errorf("a drawing or advice when piped:\n%s", out)
	}
	if out := run("--chart", "always"); !strings.Contains(out, "┤") {
		t.Errorf("no drawing with --chart always:\n%s", out)
	}
}

// People who type: with the tab key bash and zsh turn the beginnings of words into a
// command that works.
func TestCompletionTyped(t *testing.T) {
	t.Parallel()
	for shell, begin := range map[string]string{
		"bash": "source <(encas-zoo completion bash)\n",
		"zsh":  "autoload -Uz compinit; compinit -u -D; source <(encas-zoo completion zsh)\n",
	} {
		t.Run(shell, func(t *testing.T) {
			if _, err := exec.LookPath(shell); err != nil {
				t.Skip("there is no " + shell)
			}
			dir := completionFolder(t)
			args := map[string][]string{"bash": {"--norc", "--noprofile", "-i"}, "zsh": {"-f", "-i"}}[shell]
			screen := onTerminal(t, dir, []string{"HOME=" + dir, "PS1=> ", "HISTFILE="}, begin+
				"encas-zoo expo\t--form\tcli --pi\t0 runs/f\t>out\nexit 0\n", shell, args...)
			out, err := os.ReadFile(filepath.Join(dir, "out"))
			if err != nil || string(out) != "m00\n" {
				t.Errorf("the completed command wrote %q (%v); the screen:\n%q", out, err, screen)
			}
		})
	}
}
