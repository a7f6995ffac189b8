package zoo

import "fmt"

// Renew makes a zoo without models as new, with so many classes: it has no splits and no
// class names any more. A zoo that has models is an error.
func Renew(dir string, classes int) (*Zoo, error) {
	if err := checkClasses(classes); err != nil {
		return nil, err
	}
	z, err := Open(dir)
	if err != nil {
		return nil, err
	}
	w, err := z.Write()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	if n := len(z.Models()) + len(z.Damaged()); n > 0 {
		return nil, fmt.Errorf("zoo: %s has %d models", dir, n)
	}
	for _, s := range z.Splits() {
		if err := w.RemoveSplit(s.Name); err != nil {
			return nil, err
		}
	}
	renewed := &Zoo{dir: dir, classes: classes, models: map[string]Model{}}
	if err := renewed.writeHead(nil); err != nil {
		return nil, err
	}
	return renewed, nil
}
