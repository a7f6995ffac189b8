package turbojpeg

import "errors"

// ErrMissing: libjpeg-turbo could not be opened.
var ErrMissing = errors.New("libjpeg-turbo is not there")

// A Warning is something libjpeg-turbo found wrong in a file it decoded all the
// same.
type Warning struct{ Message string }

func (w *Warning) Error() string { return w.Message }
