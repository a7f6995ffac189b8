package zoo

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// CouldBeCost reports whether a column could be the cost of models: it is a number in all of
// them and above 0 in one, not called like a result, and not kept by the zoo itself.
func CouldBeCost(models []Model, column string) bool {
	if KeptColumn(column) || IsResult(column) {
		return false
	}
	above := false
	for _, m := range models {
		cost, err := m.Cost(column)
		if err != nil {
			return false
		}
		above = above || cost > 0
	}
	return above
}

// Words of the names of columns, by which they are told apart.
var (
	costWords = regexp.MustCompile(`\b(costs?|prices?|fees?|latency|latencies|times?|duration|g?flops|g?macs|ms|seconds|energy|joules?|usd|eur|dollars?|euros?|cents?)\b`)

	resultWords = regexp.MustCompile(`\b(\w*(acc|accuracy|accuracies|error|errors|auc|auroc)|err|top|hits?|right|correct|precision|recall|specificity|sensitivity|f[0-9]|ap|map|auprc|ndcg|mrr|iou|miou|dice|bleu|rouge|score|scores|loss|nll|perplexity|ppl|ece|mce|brier|kappa|mcc|calibration|elo|rank|ranking)[0-9]*\b`)

	// What is said of a cost, and is none: latency_device, price_tier.
	aboutWords = regexp.MustCompile(`\b(tier|class|type|kind|level|device|hardware|source|currency|unit|units|notes?|date|from|by|on)$`)

	// Neither what running a model costs, nor how good it is.
	otherWords = regexp.MustCompile(`\b(throughput|[fqr]ps|(samples|images|imgs|items|frames|rows|queries|requests|tokens) per (s|sec|second)|(image|img|input|batch|crop) (size|pct)|batch|resolution|epochs?|seed|year|fold|id|index)\b`)
)

// IsResult reports whether a column is called like a result of models, such as top1 or
// val_accuracy, or like another number that is no cost, such as image_size.
func IsResult(column string) bool {
	words := columnWords(column)
	return !costWords.MatchString(words) && (resultWords.MatchString(words) || otherWords.MatchString(words))
}

// CalledCost reports whether a column is called like a cost.
func CalledCost(column string) bool {
	words := columnWords(column)
	return costWords.MatchString(words) && !aboutWords.MatchString(words)
}

// columnWords are the words of a column's name, in lower case with a space between them.
func columnWords(column string) string {
	var b strings.Builder
	before := ' '
	for _, r := range column {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			r = ' '
		case unicode.IsUpper(r) && unicode.IsLower(before):
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(r))
		before = r
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// timeUnits are units in milliseconds.
var timeUnits = map[string]float64{
	"ns": 1e-6, "nanoseconds": 1e-6,
	"us": 1e-3, "µs": 1e-3, "μs": 1e-3, "usec": 1e-3, "microseconds": 1e-3,
	"ms": 1, "msec": 1, "milliseconds": 1,
	"s": 1e3, "sec": 1e3, "secs": 1e3, "seconds": 1e3,
}

// Latency returns the unit of a column called latency, in milliseconds: what is stored is
// [ColumnLatency]. It is 0 for any other column, and an error for a latency in no unit.
func Latency(column string) (unit float64, err error) {
	words := strings.Fields(columnWords(column))
	if !slices.Contains(words, "latency") || !CalledCost(column) {
		return 0, nil
	}
	if !slices.ContainsFunc(words, func(w string) bool { return timeUnits[w] != 0 }) {
		return 0, fmt.Errorf("the column %q does not say its unit: call it latency_ms, latency_s, latency_us or latency_ns", column)
	}
	if len(words) == 2 && words[0] == "latency" {
		return timeUnits[words[1]], nil
	}
	return 0, nil // of a kind of its own, with its unit in its name
}

// Milliseconds converts a latency, given as text in a unit.
func Milliseconds(text string, unit float64) (string, error) {
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
		return "", fmt.Errorf("the latency %q is not a number, 0 or more", text)
	}
	if unit == 1 {
		return strings.TrimSpace(text), nil
	}
	return strconv.FormatFloat(v*unit, 'g', 15, 64), nil
}
