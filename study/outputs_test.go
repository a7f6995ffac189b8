package study_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// makeOutputs makes outputs of five models of rising skill and cost on 1,000
// samples of five classes, as NumPy files in dir/outputs. The caller removes dir.
func makeOutputs() (dir string) {
	dir, err := os.MkdirTemp("", "study")
	if err != nil {
		log.Fatal(err)
	}
	outputs := filepath.Join(dir, "outputs")
	if err := os.Mkdir(outputs, 0o777); err != nil {
		log.Fatal(err)
	}
	const models, samples, classes = 5, 1000, 5
	random := rand.New(rand.NewPCG(1, 2))
	labels, hardness := make([]int64, samples), make([]float64, samples)
	for i := range labels {
		labels[i], hardness[i] = int64(random.IntN(classes)), random.NormFloat64()
	}
	writeNPY(filepath.Join(outputs, "labels.npy"), "<i8", labels, samples)
	table := "name,gflops\n"
	for m := range models {
		rows := make([]float32, 0, samples*classes)
		for i, label := range labels {
			row, sum := [classes]float64{}, 0.0
			for c := range row {
				row[c] = random.NormFloat64()
				if c == int(label) {
					row[c] += 1.5 + 0.5*float64(m) - hardness[i]
				}
				row[c] = math.Exp(2 * row[c])
				sum += row[c]
			}
			for _, p := range row {
				rows = append(rows, float32(p/sum))
			}
		}
		name := fmt.Sprintf("net_%d", m)
		writeNPY(filepath.Join(outputs, name+".npy"), "<f4", rows, samples, classes)
		table += fmt.Sprintf("%s,%g\n", name, 0.004*math.Pow(2, float64(m)))
	}
	if err := os.WriteFile(filepath.Join(outputs, "models.csv"), []byte(table), 0o666); err != nil {
		log.Fatal(err)
	}
	return dir
}

// writeNPY writes values as a .npy file of format version 1.
func writeNPY(path, kind string, values any, shape ...int) {
	dims := strings.Trim(strings.Join(strings.Fields(fmt.Sprint(shape)), ", "), "[]")
	if len(shape) == 1 {
		dims += ","
	}
	head := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", kind, dims)
	head += strings.Repeat(" ", 63-(10+len(head))%64) + "\n"
	var b bytes.Buffer
	b.WriteString("\x93NUMPY\x01\x00")
	binary.Write(&b, binary.LittleEndian, uint16(len(head)))
	b.WriteString(head)
	binary.Write(&b, binary.LittleEndian, values)
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		log.Fatal(err)
	}
}
