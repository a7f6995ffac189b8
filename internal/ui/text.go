package ui

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// Safe returns s with everything escaped that could do more to a terminal than
// show a character: control characters, invisible and direction-changing ones,
// invalid UTF-8. Model names come from other people's files.
func Safe(s string) string {
	if !strings.ContainsFunc(s, unprintable) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		i += size
	}
	return b.String()
}

func unprintable(r rune) bool { return r == utf8.RuneError || !strconv.IsPrint(r) }

// safeLines is Safe for text of several lines.
func safeLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = Safe(line)
	}
	return strings.Join(lines, "\n")
}

// columns is the number of terminal columns that a printable character takes.
func columns(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// Width is the number of terminal columns that printable text takes.
func Width(s string) int {
	n := 0
	for _, r := range s {
		n += columns(r)
	}
	return n
}

// Fit cuts printable text to at most max terminal columns; cut text ends with an
// ellipsis.
func Fit(s string, max int) string {
	if Width(s) <= max {
		return s
	}
	n := 0
	for i, r := range s {
		n += columns(r)
		if n > max-1 {
			return s[:i] + "…"
		}
	}
	return s
}

// Count writes a whole number with thousands separators: 20,683.
func Count[T int | int64 | uint64](n T) string {
	text := strconv.FormatInt(int64(n), 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// Number writes x with four significant digits, with an exponent only if a person
// would use one.
func Number(x float64) string {
	a := math.Abs(x)
	switch {
	case a >= 10_000 && a < 1e15:
		return Count(int64(math.Round(x)))
	case a != 0 && a < 1e-4 || a >= 1e15:
		return strconv.FormatFloat(x, 'e', 3, 64)
	}
	decimals := 3
	for limit := 10.0; a >= limit && decimals > 0; limit *= 10 {
		decimals--
	}
	for limit := 1.0; a != 0 && a < limit; limit /= 10 {
		decimals++
	}
	return strconv.FormatFloat(x, 'f', decimals, 64)
}

// Large writes x with three significant digits and, from a million on, the letter of
// its unit: 34.5, 921,000, 2.10 M, 106 G.
func Large(x float64) string {
	for _, unit := range []struct {
		size   float64
		letter string
	}{{1e9, " G"}, {1e6, " M"}} {
		if y := x / unit.size; y >= 0.9995 {
			return strconv.FormatFloat(y, 'f', max(0, 2-int(math.Log10(max(1, y)*1.0005))), 64) + unit.letter
		}
	}
	if x >= 1000 {
		unit := math.Pow(10, math.Floor(math.Log10(x))-2)
		return Count(int64(math.Round(x/unit) * unit))
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}

// Bytes writes a size: 41.4 MB.
func Bytes(n int64) string {
	units := []string{"B", "kB", "MB", "GB", "TB", "PB"}
	x, unit := float64(n), 0
	for x >= 999.5 && unit < len(units)-1 {
		x /= 1000
		unit++
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.3g %s", x, units[unit])
}

// Duration writes how long something takes, in at most two units.
func Duration(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < 995*time.Millisecond:
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
	case d < 99500*time.Millisecond:
		return fmt.Sprintf("%.2g s", d.Seconds())
	case d < time.Hour:
		d = d.Round(time.Second)
		return fmt.Sprintf("%d min %02d s", d/time.Minute, d%time.Minute/time.Second)
	}
	d = d.Round(time.Minute)
	return fmt.Sprintf("%d h %02d min", d/time.Hour, d%time.Hour/time.Minute)
}
