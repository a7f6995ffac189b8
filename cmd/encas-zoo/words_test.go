package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// No words of Go's libraries reach a user; what the error is about stays.
func TestGoWordsAreReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "a file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	of := func(_ any, err error) error { return err }
	var one struct{ N int }
	table := func(text string) error {
		_, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		return err
	}
	never := regexp.MustCompile(`no such file|strconv|\bEOF\b|context|json:|\bGo\b|parse error|record on|looking for|invalid syntax|^open |invalid argument`)
	for _, c := range []struct {
		err  error
		says string
	}{
		{of(os.Open(filepath.Join(dir, "no such"))), filepath.Join(dir, "no such") + ": there is no such file or folder"},
		{of(os.ReadFile(dir)), dir + " is a folder, not a file"},
		{of(os.Open(filepath.Join(file, "x"))), "a file is in the place of a folder"},
		{os.Mkdir(file, 0o777), file + ": it exists already"},
		{&os.PathError{Op: "read", Path: "x", Err: syscall.EINVAL}, "x: the system does not allow this"},
		{of(strconv.ParseFloat("0,5", 64)), `"0,5" is not a number`},
		{of(strconv.Atoi(`a "b"`)), `"a \"b\"" is not a number`},
		{of(strconv.ParseFloat("1e999", 64)), `"1e999" is too large a number`},
		{of(strconv.ParseBool("maybe")), `"maybe" is neither true nor false`},
		{table("a,b\n1\n"), "line 2 has another number of cells"},
		{table("a,b\n1,x\"y\n"), "line 2: a quotation mark"},
		{table("a,b\n1,\"y\n"), "a quotation mark"},
		{json.Unmarshal([]byte(`{"n": "x"}`), &one), "string is in the wrong place"},
		{json.Unmarshal([]byte(`{"n": `), &one), "the JSON ends too early"},
		{json.Unmarshal([]byte(`{n: 1}`), &one), "there is 'n' where"},
		{fmt.Errorf("a.npy: %w", io.ErrUnexpectedEOF), "a.npy: it ends too early"},
		{fmt.Errorf("a.npy: %w", io.EOF), "a.npy: it ends too early"},
		{fmt.Errorf("reading: %w", context.DeadlineExceeded), "reading: it took too long"},
		{errors.Join(errors.New("one"), context.Canceled), "one\ninterrupted"},
		{errors.New("the model EOFnet is fine"), "the model EOFnet is fine"},
	} {
		if got := inOtherWords(c.err).Error(); !strings.Contains(got, c.says) || never.MatchString(strings.ReplaceAll(got, "no such\"", "")) && !strings.Contains(got, filepath.Join(dir, "no such")) {
			t.Errorf("%q became %q, want %q", c.err, got, c.says)
		}
		if err := inOtherWords(c.err); !errors.Is(err, c.err) {
			t.Errorf("%v: no longer the same error", err)
		}
	}
}
