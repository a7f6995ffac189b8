package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"strings"
)

var (
	//go:embed page.html
	frame string
	//go:embed page.css
	style string
	//go:embed page.js
	script string
)

// WriteHTML writes the page. Its security policy allows its own script and style, and
// nothing to be loaded.
func (d *Data) WriteHTML(w io.Writer) error {
	data, err := json.Marshal(d) // escapes <, >, & and line separators, as a script element needs
	if err != nil {
		return err
	}
	names := make([]string, len(d.Runs))
	for i, r := range d.Runs {
		names[i] = r.Name
	}
	// One pass: what is inserted is not searched for placeholders.
	_, err = strings.NewReplacer(
		"{{title}}", html.EscapeString(strings.Join(names, ", ")+" - encas-zoo"),
		"{{style}}", style,
		"{{style hash}}", sourceHash(style),
		"{{script}}", script,
		"{{script hash}}", sourceHash(script),
		"{{data}}", string(data),
	).WriteString(w, frame)
	return err
}

func sourceHash(source string) string {
	sum := sha256.Sum256([]byte(source))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// WriteJSON writes the data.
func (d *Data) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(d)
}
