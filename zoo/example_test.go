package zoo_test

import (
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/encas-zoo/encas-zoo/zoo"
)

// A zoo of two classes is made, gets one model, and is read back.
func Example() {
	dir, err := os.MkdirTemp("", "zoo")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	z, err := zoo.Create(filepath.Join(dir, "zoo"), 2)
	if err != nil {
		log.Fatal(err)
	}
	w, err := z.Write()
	if err != nil {
		log.Fatal(err)
	}
	if err := w.AddSplit("search", []uint16{0, 1, 1}, []string{"a.jpg", "b.jpg", "c.jpg"}); err != nil {
		log.Fatal(err)
	}
	m, err := w.NewModel(zoo.Model{Name: "coin", Columns: map[string]string{"gflops": "0.5"}})
	if err != nil {
		log.Fatal(err)
	}
	const half, quarter, threeQuarters = 0x3800, 0x3400, 0x3A00
	for _, row := range [][]uint16{{half, half}, {quarter, threeQuarters}, {threeQuarters, quarter}} {
		if err := m.WriteRow("search", row); err != nil {
			log.Fatal(err)
		}
	}
	if err := m.Commit(); err != nil {
		log.Fatal(err)
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}

	labels, ids, err := z.Labels("search")
	if err != nil {
		log.Fatal(err)
	}
	r, err := z.Predictions("coin", "search")
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	row := make([]uint16, z.Classes())
	for i := 0; ; i++ {
		_, err := r.ReadRows(row)
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s label %d: %04x\n", ids[i], labels[i], row)
	}
	// Output:
	// a.jpg label 0: [3800 3800]
	// b.jpg label 1: [3400 3a00]
	// c.jpg label 1: [3a00 3400]
}
