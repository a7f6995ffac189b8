package cascade_test

import (
	"fmt"
	"log"

	"github.com/encas-zoo/encas-zoo/cascade"
)

// The text form of cascades, as the flag --cascade takes it.
func ExampleParse() {
	c, err := cascade.Parse("small@0.62,medium*2@0.9,large")
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range c.Stages {
		fmt.Println(s.Model, s.Weight, s.Threshold)
	}
	fmt.Println(c)
	_, err = cascade.Parse("small@0.62,medium@1.2,large")
	fmt.Println(err)
	// Output:
	// small 1 0.62
	// medium 2 0.9
	// large 1 0
	// small@0.62,medium*2@0.9,large
	// cascade, stage 2: threshold "1.2" is not a number in [0, 1]
}
