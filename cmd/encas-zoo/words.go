package main

import (
	"context"
	"regexp"
	"strings"
)

// An inWords rewrites what Go's libraries say in words that a user can do something with.
type inWords struct {
	from *regexp.Regexp
	to   string
}

// goWords are the words of Go's libraries in errors that may reach a user. What a file is
// called stays: whoever opened it says so.
var goWords = []inWords{
	{regexp.MustCompile(`(?:open|stat|lstat|read|readlink|remove|chdir|fork/exec|write|create|mkdir|rename \S+) ([^\n]+?): no such file or directory`), "$1: there is no such file or folder"},
	{regexp.MustCompile(`no such file or directory`), "there is no such file or folder"},
	{regexp.MustCompile(`(?:open|stat|lstat|read|readlink|remove|write|create|mkdir|fdopendir|readdirent) ([^\n]+?): (permission denied|operation not permitted)`), "$1: permission denied"},
	{regexp.MustCompile(`(?:open|read|write|create|rename \S+) ([^\n]+?): is a directory`), "$1 is a folder, not a file"},
	{regexp.MustCompile(`(?:open|stat|lstat|mkdir|readdirent|fdopendir) ([^\n]+?): not a directory`), "$1: a file is in the place of a folder"},
	{regexp.MustCompile(`(?:open|mkdir|create|write|read) ([^\n]+?): (file exists|file name too long|no space left on device|input/output error|invalid argument)`), "$1: $2"},
	{regexp.MustCompile(`: file exists`), ": it exists already"},
	{regexp.MustCompile(`invalid argument`), "the system does not allow this"},
	{regexp.MustCompile(`strconv\.(?:ParseFloat|ParseInt|ParseUint|Atoi): parsing ("(?:[^"\\]|\\.)*"): invalid syntax`), "$1 is not a number"},
	{regexp.MustCompile(`strconv\.(?:ParseFloat|ParseInt|ParseUint|Atoi): parsing ("(?:[^"\\]|\\.)*"): value out of range`), "$1 is too large a number"},
	{regexp.MustCompile(`strconv\.ParseBool: parsing ("(?:[^"\\]|\\.)*"): invalid syntax`), "$1 is neither true nor false"},
	{regexp.MustCompile(`record on line (\d+)(?:; parse error on line \d+, column \d+)?: wrong number of fields`), "line $1 has another number of cells than the first line"},
	{regexp.MustCompile(`parse error on line (\d+), column \d+: (?:bare|extraneous or missing) \\?" in (?:non-)?quoted[- ]field`), "line $1: a quotation mark is in the wrong place"},
	{regexp.MustCompile(`json: (unknown field)`), "$1"},
	{regexp.MustCompile(`json: cannot unmarshal (\S+) into Go (?:struct field \S+|value) of type \S+`), "JSON of another form: $1 is in the wrong place"},
	{regexp.MustCompile(`unexpected end of JSON input`), "the JSON ends too early"},
	{regexp.MustCompile(`invalid character (\S+|' ') (?:looking for beginning of value|looking for beginning of object key string|after [^\n]*?|in [^\n]*?)($|\n|;)`), "it is not valid JSON: there is $1 where something else must be$2"},
	{regexp.MustCompile(`\b(?:unexpected )?EOF\b`), "it ends too early"},
	{regexp.MustCompile(`context canceled`), "interrupted"},
	{regexp.MustCompile(`context deadline exceeded`), "it took too long"},
	{regexp.MustCompile(`zip: not a valid zip file`), "not a valid ZIP file"},
	{regexp.MustCompile(`broken pipe`), "whoever read the output has stopped"},
}

// words returns a text without the words of Go's libraries.
func words(text string) string {
	for _, w := range goWords {
		text = w.from.ReplaceAllString(text, w.to)
	}
	return text
}

// A worded error says in other words what it wraps.
type worded struct {
	error
	text string
}

func (w worded) Error() string { return w.text }
func (w worded) Unwrap() error { return w.error }

// inOtherWords is err in the words of a user.
func inOtherWords(err error) error {
	if text := words(err.Error()); text != err.Error() {
		return worded{err, text}
	}
	return err
}

// interruption says what was interrupted.
func interruption(err error) string {
	doing := strings.TrimSuffix(strings.TrimSuffix(err.Error(), context.Canceled.Error()), ": ")
	if doing == "" {
		return "interrupted"
	}
	return "interrupted: " + words(doing)
}
