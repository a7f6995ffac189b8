package inspect

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Sizes of the heat map in pixels of the screen.
const (
	wholeMap    = 1200 // of many models
	largestCell = 18
	numbersFrom = 18 // cells from this size on have numbers in them
	longestName = 40 // characters that are shown of a name
)

// blues are the colours of the map, from little agreement to all (ColorBrewer).
var blues = []color.NRGBA{{247, 251, 255, 255}, {198, 219, 239, 255}, {107, 174, 214, 255}, {33, 113, 181, 255}, {8, 48, 107, 255}}

// WriteSVG draws the agreement of all pairs of models as a heat map. The cells are one
// embedded picture, so that its size stays bounded, a byte or less for each pair.
func (a *Agreement) WriteSVG(w io.Writer, title string) error {
	order, n := a.Order(), len(a.Names)
	shades := a.shades()
	cell := min(max(wholeMap/max(1, n), 1), largestCell)
	picture, err := a.picture(order, shades, cell)
	if err != nil {
		return err
	}
	font := min(11, 0.85*float64(cell))
	longest := 0
	for _, name := range a.Names {
		longest = max(longest, len([]rune(shown(name))))
	}
	names := 0.6 * font * float64(longest)
	left, top := names+5*font+20, names+64
	side := float64(cell * n)
	width, height := max(left+side+20, 460), top+side+64

	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" font-family="DejaVu Sans, Verdana, sans-serif" fill="#222">`+"\n", width, height, width, height)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#fff"/>`+"\n")
	fmt.Fprintf(&b, `<text x="16" y="24" font-size="15" font-weight="bold">%s</text>`+"\n", html.EscapeString(visible(title)))
	fmt.Fprintf(&b, `<text x="16" y="42" font-size="11" fill="#555">%% of the samples on which both models agree; similar models are together</text>`+"\n")
	fmt.Fprintf(&b, `<image x="%.2f" y="%.2f" width="%.2f" height="%.2f" preserveAspectRatio="none" style="image-rendering:pixelated" href="data:image/png;base64,%s"/>`+"\n", left, top, side, side, base64.StdEncoding.EncodeToString(picture))
	fmt.Fprintf(&b, `<g font-size="%.2f">`+"\n", font)
	for place, m := range order {
		y := top + float64(cell)*(float64(place)+0.5) + 0.35*font
		fmt.Fprintf(&b, `<text x="%.2f" y="%.2f" text-anchor="end">%s<title>%s</title></text>`, left-4.2*font, y, html.EscapeString(shown(a.Names[m])), html.EscapeString(visible(a.Names[m])))
		if a.Accuracy != nil {
			fmt.Fprintf(&b, `<text x="%.2f" y="%.2f" text-anchor="end" fill="#555">%.1f</text>`, left-0.5*font, y, 100*a.Accuracy[m])
		}
		x := left + float64(cell)*(float64(place)+0.5) + 0.35*font
		fmt.Fprintf(&b, `<text transform="translate(%.2f %.2f) rotate(-90)">%s</text>`+"\n", x, top-0.5*font, html.EscapeString(shown(a.Names[m])))
	}
	b.WriteString("</g>\n")
	if a.Accuracy != nil {
		fmt.Fprintf(&b, `<text x="%.2f" y="%.2f" text-anchor="end" font-size="%.2f" fill="#555">accuracy, %%</text>`+"\n", left-0.5*font, top-max(6, 0.5*font), min(9, max(font, 7)))
	}
	if cell >= numbersFrom {
		a.writeNumbers(&b, order, shades, left, top, float64(cell))
	}
	shades.write(&b, left, top+side+18)
	b.WriteString("</svg>\n")
	_, err = b.WriteTo(w)
	return err
}

// picture returns the cells as a PNG of as many pixels as they have on the screen:
// programs that draw SVG would blur a smaller one.
func (a *Agreement) picture(order []int, shades shades, cell int) ([]byte, error) {
	var palette color.Palette
	for i := range 256 {
		palette = append(palette, blue(float64(i)/255))
	}
	side := max(1, cell*len(order))
	img := image.NewPaletted(image.Rect(0, 0, side, side), palette)
	for y, i := range order {
		first := img.Pix[y*cell*img.Stride:][:side]
		for x, j := range order {
			depth := uint8(math.Round(255 * shades.depth(a.Share(i, j))))
			for p := range cell {
				first[x*cell+p] = depth
			}
		}
		for again := 1; again < cell; again++ {
			copy(img.Pix[(y*cell+again)*img.Stride:], first)
		}
	}
	var b bytes.Buffer
	err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, img)
	return b.Bytes(), err
}

// shades are the shares that have the lightest and the darkest colour.
type shades struct{ low, high float64 }

// shades leaves out the odd ones at both ends, which would take the colours from all
// others.
func (a *Agreement) shades() shades {
	var shares []float64
	for i := range a.Names {
		for j := range i {
			shares = append(shares, a.Share(i, j))
		}
	}
	if len(shares) == 0 {
		return shades{0, 1}
	}
	slices.Sort(shares)
	last := float64(len(shares) - 1)
	s := shades{
		low:  math.Floor(100*shares[int(0.02*last)]) / 100,
		high: math.Ceil(100*shares[int(math.Ceil(0.998*last))]) / 100,
	}
	if s.high-s.low < 0.02 {
		s.low = max(0, s.high-0.02)
		s.high = s.low + 0.02
	}
	return s
}

// depth is the place of a share among the colours.
func (s shades) depth(share float64) float64 {
	return min(max((share-s.low)/(s.high-s.low), 0), 1)
}

// blue mixes the colour at x in [0, 1].
func blue(x float64) color.NRGBA {
	at := x * float64(len(blues)-1)
	i := min(int(at), len(blues)-2)
	part := at - float64(i)
	mix := func(from, to uint8) uint8 { return uint8(math.Round(float64(from)*(1-part) + float64(to)*part)) }
	p, q := blues[i], blues[i+1]
	return color.NRGBA{mix(p.R, q.R), mix(p.G, q.G), mix(p.B, q.B), 255}
}

// writeNumbers writes the shares into the cells, light on dark ones.
func (a *Agreement) writeNumbers(b *bytes.Buffer, order []int, shades shades, left, top, cell float64) {
	for _, dark := range []bool{false, true} {
		fill := "#222"
		if dark {
			fill = "#fff"
		}
		fmt.Fprintf(b, `<g font-size="%.1f" text-anchor="middle" fill="%s">`+"\n", 0.45*cell, fill)
		for y, i := range order {
			for x, j := range order {
				if share := a.Share(i, j); i != j && shades.depth(share) > 0.5 == dark {
					fmt.Fprintf(b, `<text x="%.1f" y="%.1f">%.0f</text>`, left+cell*(float64(x)+0.5), top+cell*(float64(y)+0.66), math.Floor(100*share))
				}
			}
		}
		b.WriteString("\n</g>\n")
	}
}

// write writes which colour is which share.
func (s shades) write(b *bytes.Buffer, x, y float64) {
	const length = 200
	b.WriteString(`<defs><linearGradient id="scale">`)
	for i, c := range blues {
		fmt.Fprintf(b, `<stop offset="%g" stop-color="#%02x%02x%02x"/>`, float64(i)/float64(len(blues)-1), c.R, c.G, c.B)
	}
	b.WriteString("</linearGradient></defs>\n")
	fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%d" height="10" fill="url(#scale)" stroke="#999" stroke-width="0.5"/>`+"\n", x, y, length)
	for i, sign := range []string{"≤ ", "", "≥ "} {
		share := s.low + (s.high-s.low)*float64(i)/2
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" font-size="10" text-anchor="middle">%s%s %%</text>`+"\n", x+length*float64(i)/2, y+23, sign, strconv.FormatFloat(100*share, 'g', 3, 64))
	}
}

// visible is a name on one line, all of which XML can hold, without characters that turn the direction of what
// follows or show nothing.
func visible(name string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '\ufffd'
		}
		return r
	}, name)
}

// shown is what of a name is drawn.
func shown(name string) string {
	runes := []rune(visible(name))
	if len(runes) > longestName {
		runes = append(runes[:longestName-1], '…')
	}
	return string(runes)
}
