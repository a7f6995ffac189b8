package zoo

import "fmt"

// checkRow reports the first thing that keeps row from being a softmax output.
func checkRow(row []uint16) error {
	if err := checkValues(row); err != nil {
		return err
	}
	var sum uint64
	for _, v := range row {
		sum += uint64(fixed[v])
	}
	return checkSum(sum)
}

// checkValues reports the first value that is not in [0, 1].
func checkValues(row []uint16) error {
	for c, v := range row {
		if v > one {
			return badValue(c, v)
		}
	}
	return nil
}

func badValue(class int, v uint16) error {
	what := "above 1"
	switch {
	case v&0x7C00 == 0x7C00 && v&0x3FF != 0:
		what = "not a number"
	case v&0x7FFF == 0x7C00:
		what = "infinite"
	case v&0x8000 != 0:
		what = "negative"
	}
	return fmt.Errorf("class %d is %s (float16 bits 0x%04X); probabilities are in [0, 1]", class, what, v)
}

func checkSum(sum uint64) error {
	if sum+sumTolerance < unit || sum > unit+sumTolerance {
		return fmt.Errorf("the probabilities sum to %.6g, not to 1 within 0.01", float64(sum)/unit)
	}
	return nil
}

func checkAnswer(label, confidence uint16, classes int) error {
	if int(label) >= classes {
		return fmt.Errorf("label %d, but the zoo has the classes 0 to %d", label, classes-1)
	}
	if confidence > one {
		return fmt.Errorf("the confidence is not in [0, 1] (float16 bits 0x%04X)", confidence)
	}
	return nil
}
