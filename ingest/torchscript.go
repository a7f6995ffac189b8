package ingest

import (
	"archive/zip"
	"fmt"
	"io"
	"path"

	"github.com/encas-zoo/encas-zoo/internal/regular"
)

// checkTorchScript refuses what torch.save wrote, weights or a pickled model, which holds no
// program that could be run without executing what was pickled. Other files are for the
// loader to judge.
func checkTorchScript(file string) error {
	const remedy = "save the model as TorchScript: torch.jit.trace(model.eval(), torch.zeros(1, 3, 224, 224)).save('model.pt')"
	f, err := regular.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, 2)
	if _, err := io.ReadFull(f, head); err == nil && head[0] == 0x80 && head[1] >= 2 && head[1] <= 5 {
		return fmt.Errorf("%s is no TorchScript but a pickle, as torch.save wrote it before torch 1.6; %s", file, remedy)
	}
	archive, err := zip.OpenReader(file)
	if err != nil {
		return nil
	}
	defer archive.Close()
	pickled, program := false, false
	for _, z := range archive.File {
		switch path.Base(z.Name) {
		case "data.pkl":
			pickled = true
		case "constants.pkl":
			program = true
		}
	}
	if pickled && !program {
		return fmt.Errorf("%s is no TorchScript but what torch.save writes: weights (a state_dict) or a pickled model; %s", file, remedy)
	}
	return nil
}
