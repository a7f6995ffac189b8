package report

import (
	"bytes"
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

// WriteHTML writes the page. Its policy lets it run its own script and nothing
// else, and load nothing.
func (d *Data) WriteHTML(w io.Writer) error {
	data, err := d.embedded()
	if err != nil {
		return err
	}
	names := make([]string, len(d.Runs))
	for i, r := range d.Runs {
		names[i] = r.Name
	}
	// One pass: nothing that is put in is looked at again.
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

// embedded is the data as JSON that may stand in a script element: package json
// writes <, >, & and the line separators U+2028 and U+2029 as escapes.
func (d *Data) embedded() ([]byte, error) { return json.Marshal(d) }

func sourceHash(source string) string {
	sum := sha256.Sum256([]byte(source))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// WriteJSON writes the data.
func (d *Data) WriteJSON(w io.Writer) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(d); err != nil {
		return err
	}
	_, err := b.WriteTo(w)
	return err
}
