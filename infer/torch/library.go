//go:build cgo && !windows

package torch

/*
#cgo CFLAGS: -I${SRCDIR}/shim
#cgo linux LDFLAGS: -ldl
#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include "encas_torch.h"

// The functions of encas_torch.h, by the same names.
typedef struct {
	void *lib;
	int (*abi)(void);
	const char *(*version)(void);
	int (*device)(const char *, encas_error *);
	int (*threads)(int, encas_error *);
	int (*load)(const char *, const char *, int, encas_model **, encas_error *);
	int (*subnet)(const encas_model *, const int64_t *, int, encas_model **, encas_error *);
	int (*observe)(encas_model *, const uint8_t *, int, int, int, const float *, const float *, int, encas_error *);
	int (*settle)(encas_model *, encas_error *);
	int (*save)(const encas_model *, const char *, const char *, encas_error *);
	void (*free)(encas_model *);
	int64_t (*parameters)(const encas_model *);
	int (*run)(encas_model *, const uint8_t *, int, int, int, const float *, const float *, uint16_t *, int, encas_error *);
	int (*outputs)(encas_model *, const uint8_t *, int, int, int, const float *, const float *, float *, int64_t, int64_t *, encas_error *);
	int (*count)(encas_model *, int, int, encas_counts *, encas_error *);
	int (*memory)(encas_model *, int, int, int, int64_t *, encas_error *);
	int (*keep)(encas_model *, encas_error *);
	int (*write)(const encas_model *, const char *, const char *, encas_error *);
	int (*weights)(const encas_model *, uint8_t *, int64_t, int64_t *, encas_error *);
	int (*average)(encas_model *, const encas_model *, double, encas_error *);
	int (*train)(const encas_model *, double, double, double, encas_training **, encas_error *);
	int (*train_step)(encas_training *, const int64_t *, int, const uint8_t *, int, int, int, const float *, const float *, const float *, int, float *, double *, encas_error *);
	int (*train_apply)(encas_training *, double, int *, encas_error *);
	int (*train_state)(const encas_training *, uint8_t *, int64_t, int64_t *, encas_error *);
	int (*train_restore)(encas_training *, const uint8_t *, int64_t, encas_error *);
	void (*train_free)(encas_training *);
} encas_shim;

#ifdef __GLIBC__
// malloc would return the large tensors of each batch to the system, and the system clear them
// for the next: up to two fifths of a batch's time on a CPU. It keeps them, in the one arena
// that may grow as it likes, until a model is freed. A thread's arena is chosen when it first
// allocates, hence so early.
__attribute__((constructor)) static void encas_keep_memory(void) {
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_MAX, 0);
	mallopt(M_TRIM_THRESHOLD, INT_MAX);
}
#endif

// Fills *s from the library at path. Returns NULL, or what is wrong.
static const char *encas_shim_open(encas_shim *s, const char *path) {
	// OpenMP's threads would spin between operations and take the cores that decode.
	// It reads this when it is loaded.
	setenv("OMP_WAIT_POLICY", "PASSIVE", 0);
	s->lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (s->lib == NULL)
		return dlerror();
#define ENCAS_FIND(f) if (!(*(void **)&s->f = dlsym(s->lib, "encas_torch_" #f))) return "it lacks encas_torch_" #f
	ENCAS_FIND(abi);
	if (s->abi() != ENCAS_TORCH_ABI)
		return NULL; // which the caller finds, too, and has words for
	ENCAS_FIND(version);
	ENCAS_FIND(device);
	ENCAS_FIND(threads);
	ENCAS_FIND(load);
	ENCAS_FIND(subnet);
	ENCAS_FIND(observe);
	ENCAS_FIND(settle);
	ENCAS_FIND(save);
	ENCAS_FIND(free);
	ENCAS_FIND(parameters);
	ENCAS_FIND(run);
	ENCAS_FIND(outputs);
	ENCAS_FIND(count);
	ENCAS_FIND(memory);
	ENCAS_FIND(keep);
	ENCAS_FIND(write);
	ENCAS_FIND(weights);
	ENCAS_FIND(average);
	ENCAS_FIND(train);
	ENCAS_FIND(train_step);
	ENCAS_FIND(train_apply);
	ENCAS_FIND(train_state);
	ENCAS_FIND(train_restore);
	ENCAS_FIND(train_free);
	return NULL;
}

static int encas_shim_abi(encas_shim *s) { return s->abi(); }
static const char *encas_shim_version(encas_shim *s) { return s->version(); }
static int encas_shim_device(encas_shim *s, const char *d, encas_error *e) { return s->device(d, e); }
static int encas_shim_threads(encas_shim *s, int n, encas_error *e) { return s->threads(n, e); }
static int encas_shim_load(encas_shim *s, const char *p, const char *d, int prec, encas_model **m, encas_error *e) { return s->load(p, d, prec, m, e); }
static int encas_shim_subnet(encas_shim *s, const encas_model *of, const int64_t *plan, int n, encas_model **m, encas_error *e) { return s->subnet(of, plan, n, m, e); }
static int encas_shim_observe(encas_shim *s, encas_model *m, const uint8_t *px, int n, int h, int w, const float *mean, const float *std, int unbiased, encas_error *e) { return s->observe(m, px, n, h, w, mean, std, unbiased, e); }
static int encas_shim_settle(encas_shim *s, encas_model *m, encas_error *e) { return s->settle(m, e); }
static int encas_shim_save(encas_shim *s, const encas_model *m, const char *p, const char *json, encas_error *e) { return s->save(m, p, json, e); }
static void encas_shim_free(encas_shim *s, encas_model *m) {
	s->free(m);
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}
static int64_t encas_shim_parameters(encas_shim *s, encas_model *m) { return s->parameters(m); }
static int encas_shim_run(encas_shim *s, encas_model *m, const uint8_t *px, int n, int h, int w, const float *mean, const float *std, uint16_t *out, int c, encas_error *e) { return s->run(m, px, n, h, w, mean, std, out, c, e); }
static int encas_shim_outputs(encas_shim *s, encas_model *m, const uint8_t *px, int n, int h, int w, const float *mean, const float *std, float *out, int64_t room, int64_t *c, encas_error *e) { return s->outputs(m, px, n, h, w, mean, std, out, room, c, e); }
static int encas_shim_count(encas_shim *s, encas_model *m, int h, int w, encas_counts *c, encas_error *e) { return s->count(m, h, w, c, e); }
static int encas_shim_memory(encas_shim *s, encas_model *m, int n, int h, int w, int64_t *b, encas_error *e) { return s->memory(m, n, h, w, b, e); }
static int encas_shim_keep(encas_shim *s, encas_model *m, encas_error *e) { return s->keep(m, e); }
static int encas_shim_write(encas_shim *s, const encas_model *m, const char *path, const char *json, encas_error *e) { return s->write(m, path, json, e); }
static int encas_shim_weights(encas_shim *s, const encas_model *m, uint8_t *data, int64_t room, int64_t *size, encas_error *e) { return s->weights(m, data, room, size, e); }
static int encas_shim_average(encas_shim *s, encas_model *m, const encas_model *o, double share, encas_error *e) { return s->average(m, o, share, e); }
static int encas_shim_train(encas_shim *s, const encas_model *m, double mu, double decay, double scale, encas_training **t, encas_error *e) { return s->train(m, mu, decay, scale, t, e); }
static int encas_shim_train_step(encas_shim *s, encas_training *t, const int64_t *plan, int l, const uint8_t *px, int n, int h, int w, const float *mean, const float *std, const float *targets, int c, float *answers, double *loss, encas_error *e) { return s->train_step(t, plan, l, px, n, h, w, mean, std, targets, c, answers, loss, e); }
static int encas_shim_train_apply(encas_shim *s, encas_training *t, double rate, int *applied, encas_error *e) { return s->train_apply(t, rate, applied, e); }
static int encas_shim_train_state(encas_shim *s, const encas_training *t, uint8_t *data, int64_t room, int64_t *size, encas_error *e) { return s->train_state(t, data, room, size, e); }
static int encas_shim_train_restore(encas_shim *s, encas_training *t, const uint8_t *data, int64_t size, encas_error *e) { return s->train_restore(t, data, size, e); }
static void encas_shim_train_free(encas_shim *s, encas_training *t) { s->train_free(t); }
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"unsafe"

	"github.com/encas-zoo/encas-zoo/internal/regular"
	"github.com/encas-zoo/encas-zoo/supernet"
)

// disabled is why no shim can be opened by this program.
var disabled error

// A Shim is the opened library. It stays open to the end of the process: torch
// cannot be unloaded.
type Shim struct{ fns C.encas_shim }

// Open opens the shim at path, or the one that [Find] finds without a Python when path is
// empty. The error is ErrNoShim if it has to be built first.
func Open(path string) (*Shim, error) {
	if path == "" {
		var err error
		if path, _, err = Find(context.Background(), ""); err != nil {
			return nil, err
		}
	}
	if !exists(path) {
		return nil, fmt.Errorf("%w: no %s; %s", ErrNoShim, path, howToBuild)
	}
	if err := regular.Check(path); err != nil { // the loader would wait for a pipe
		return nil, fmt.Errorf("%w: %w", ErrNoShim, err)
	}
	s := &Shim{}
	cpath := C.CString(path)
	defer C.free(unsafe.Pointer(cpath))
	if msg := C.encas_shim_open(&s.fns, cpath); msg != nil {
		return nil, fmt.Errorf("%w: %s: %s; run `encas-zoo shim build` again, with the same --python and --shim", ErrNoShim, path, C.GoString(msg))
	}
	if v := int(C.encas_shim_abi(&s.fns)); v != C.ENCAS_TORCH_ABI {
		return nil, fmt.Errorf("%w: %s is of another version of this program (ABI %d and not %d); run `encas-zoo shim build` again, with the same --python and --shim", ErrNoShim, path, v, C.ENCAS_TORCH_ABI)
	}
	return s, nil
}

// check turns a status into an error.
func check(status C.int, e *C.encas_error) error {
	if status == C.ENCAS_OK {
		return nil
	}
	msg := C.GoString(&e.message[0])
	switch status {
	case C.ENCAS_OUT_OF_MEMORY:
		return fmt.Errorf("%w: %s", ErrOutOfMemory, msg)
	case C.ENCAS_NOT_TORCHSCRIPT:
		return fmt.Errorf("%w: %s", ErrNotTorchScript, msg)
	case C.ENCAS_BAD_OUTPUT:
		return fmt.Errorf("%w: %s", ErrBadOutput, msg)
	}
	return errors.New(msg)
}

// Version is torch's, such as 2.4.1.
func (s *Shim) Version() string { return C.GoString(C.encas_shim_version(&s.fns)) }

// Device fails if torch cannot use a device: cpu, cuda, cuda:1.
func (s *Shim) Device(device string) error {
	var e C.encas_error
	cdevice := C.CString(device)
	defer C.free(unsafe.Pointer(cdevice))
	if err := check(C.encas_shim_device(&s.fns, cdevice, &e), &e); err != nil {
		return fmt.Errorf("device %s: %w", device, err)
	}
	return nil
}

// Threads sets how many threads an operation uses that is called from this OS
// thread.
func (s *Shim) Threads(n int) error {
	var e C.encas_error
	return check(C.encas_shim_threads(&s.fns, C.int(n), &e), &e)
}

// A Model is loaded on a device. It is used from one goroutine at a time, best one
// locked to its thread: every thread that calls in gets a thread pool of its own.
type Model struct {
	shim    *Shim
	handle  *C.encas_model
	classes int
}

// Load loads a TorchScript file. classes is the number of outputs it must have. The
// model must be closed.
func (s *Shim) Load(path, device string, p Precision, classes int) (*Model, error) {
	if err := regular.Check(path); err != nil {
		return nil, err
	}
	var e C.encas_error
	cpath, cdevice := C.CString(path), C.CString(device)
	defer C.free(unsafe.Pointer(cpath))
	defer C.free(unsafe.Pointer(cdevice))
	m := &Model{shim: s, classes: classes}
	if err := check(C.encas_shim_load(&s.fns, cpath, cdevice, C.int(p), &m.handle, &e), &e); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// A Supernet is a loaded file of many subnets. It is used as a [Model] is: from one
// goroutine at a time, its subnets included.
type Supernet struct{ whole *Model }

// Supernet loads a file that encas-zoo supernet export wrote. It must be closed. classes is
// the number of outputs its subnets must have.
func (s *Shim) Supernet(path, device string, p Precision, classes int) (*Supernet, error) {
	m, err := s.Load(path, device, p, classes)
	if err != nil {
		return nil, err
	}
	return &Supernet{m}, nil
}

// Subnet makes the model that a plan cuts, which shares the supernet's weights and must be
// closed. It may live longer than the supernet. A plan with a number that the supernet does
// not know is refused.
func (s *Supernet) Subnet(plan supernet.Plan) (*Model, error) {
	var e C.encas_error
	m := &Model{shim: s.whole.shim, classes: s.whole.classes}
	if err := check(C.encas_shim_subnet(&m.shim.fns, s.whole.handle, (*C.int64_t)(unsafe.SliceData(plan)), C.int(len(plan)), &m.handle, &e), &e); err != nil {
		return nil, err
	}
	return m, nil
}

// Close frees the supernet, and its weights with the last of its subnets.
func (s *Supernet) Close() { s.whole.Close() }

// Observe runs n images, as for Run, through a subnet, in float32, and takes down the
// statistics of this batch in each batch norm. All batches until Settle have variances of
// one kind.
func (m *Model) Observe(pixels []byte, n, height, width int, mean, std [3]float32, v supernet.Variance) error {
	if n < 1 || len(pixels) != n*height*width*3 {
		return fmt.Errorf("torch: %d bytes for %d images of %dx%d", len(pixels), n, height, width)
	}
	unbiased := C.int(0)
	if v == supernet.Unbiased {
		unbiased = 1
	}
	var e C.encas_error
	return check(C.encas_shim_observe(&m.shim.fns, m.handle, (*C.uint8_t)(&pixels[0]), C.int(n), C.int(height), C.int(width),
		(*C.float)(&mean[0]), (*C.float)(&std[0]), unbiased, &e), &e)
}

// Settle gives a subnet's batch norms the averages of what was observed since the last
// time.
func (m *Model) Settle() error {
	var e C.encas_error
	return check(C.encas_shim_settle(&m.shim.fns, m.handle, &e), &e)
}

// Save writes a subnet to a file of its own, which [Shim.Load] loads without the supernet.
// meta becomes what export.ReadMeta reads.
func (m *Model) Save(path string, meta []byte) error {
	var e C.encas_error
	cpath, cmeta := C.CString(path), C.CString(string(meta))
	defer C.free(unsafe.Pointer(cpath))
	defer C.free(unsafe.Pointer(cmeta))
	return check(C.encas_shim_save(&m.shim.fns, m.handle, cpath, cmeta, &e), &e)
}

// Keep puts a subnet's statistics into the supernet's own, those with which a subnet of the
// same plan begins; by those of the largest one the whole file is a model.
func (m *Model) Keep() error {
	var e C.encas_error
	return check(C.encas_shim_keep(&m.shim.fns, m.handle, &e), &e)
}

// Write writes the supernet's file, which is whole only when it returns, with the text of its
// encas.json.
func (s *Supernet) Write(path, encasJSON string) error {
	var e C.encas_error
	cpath, cjson := C.CString(path), C.CString(encasJSON)
	defer C.free(unsafe.Pointer(cpath))
	defer C.free(unsafe.Pointer(cjson))
	if err := check(C.encas_shim_write(&s.whole.shim.fns, s.whole.handle, cpath, cjson, &e), &e); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// Weights are all parameters and buffers of the supernet.
func (s *Supernet) Weights() ([]Weight, error) {
	data, err := s.whole.shim.blob(func(data *C.uint8_t, room C.int64_t, size *C.int64_t, e *C.encas_error) C.int {
		return C.encas_shim_weights(&s.whole.shim.fns, s.whole.handle, data, room, size, e)
	})
	if err != nil {
		return nil, err
	}
	return parseWeights(data)
}

// blob asks for bytes whose number is not known before.
func (s *Shim) blob(ask func(data *C.uint8_t, room C.int64_t, size *C.int64_t, e *C.encas_error) C.int) ([]byte, error) {
	var e C.encas_error
	var size C.int64_t
	if err := check(ask(nil, 0, &size, &e), &e); err != nil {
		return nil, err
	}
	data := make([]byte, size)
	room := size
	if err := check(ask((*C.uint8_t)(unsafe.SliceData(data)), room, &size, &e), &e); err != nil {
		return nil, err
	}
	if size != room {
		return nil, fmt.Errorf("torch: the size of the weights changed from %d to %d bytes", room, size)
	}
	return data, nil
}

// Average moves the weights by a share of the way to those of another supernet of the same
// table. By shares of 1/2, 1/3 and so on they become averages.
func (s *Supernet) Average(other *Supernet, share float64) error {
	var e C.encas_error
	return check(C.encas_shim_average(&s.whole.shim.fns, s.whole.handle, other.whole.handle, C.double(share), &e), &e)
}

// A Training trains a supernet's weights. It is used as the supernet is.
type Training struct {
	shim    *Shim
	handle  *C.encas_training
	classes int
}

// Train begins to train the weights, which all subnets share. The training must be closed.
func (s *Supernet) Train(o TrainOptions) (*Training, error) {
	var e C.encas_error
	t := &Training{shim: s.whole.shim, classes: s.whole.classes}
	if err := check(C.encas_shim_train(&t.shim.fns, s.whole.handle, C.double(o.Momentum), C.double(o.Decay), C.double(o.Scale), &t.handle, &e), &e); err != nil {
		return nil, err
	}
	return t, nil
}

// Step runs n images, as for Run, through the subnet of a plan, whose norms take the
// statistics of the batch, and returns the mean cross entropy with the targets, n times a
// share of each class. Its gradients are added to those there are, until Apply. Without
// targets, nil, there are neither. answers, if not nil, receives the softmax of the outputs.
// After an error there are no gradients.
func (t *Training) Step(plan supernet.Plan, pixels []byte, n, height, width int, mean, std [3]float32, targets, answers []float32) (loss float64, err error) {
	if n < 1 || len(pixels) != n*height*width*3 || targets != nil && len(targets) != n*t.classes || answers != nil && len(answers) != n*t.classes {
		return 0, fmt.Errorf("torch: %d bytes, %d targets and %d answers for %d images of %dx%d and %d classes", len(pixels), len(targets), len(answers), n, height, width, t.classes)
	}
	var e C.encas_error
	var l C.double
	err = check(C.encas_shim_train_step(&t.shim.fns, t.handle, (*C.int64_t)(unsafe.SliceData(plan)), C.int(len(plan)), (*C.uint8_t)(&pixels[0]), C.int(n), C.int(height), C.int(width),
		(*C.float)(&mean[0]), (*C.float)(&std[0]), (*C.float)(unsafe.SliceData(targets)), C.int(t.classes), (*C.float)(unsafe.SliceData(answers)), &l, &e), &e)
	return float64(l), err
}

// Apply moves the weights that have gradients along these, and drops the gradients. It
// reports whether it did: gradients in float16 may overflow, which halves their scale and
// moves nothing.
func (t *Training) Apply(rate float64) (applied bool, err error) {
	var e C.encas_error
	var done C.int
	err = check(C.encas_shim_train_apply(&t.shim.fns, t.handle, C.double(rate), &done, &e), &e)
	return done != 0, err
}

// State is what Restore goes on from: weights, momentum and scale, without gradients.
func (t *Training) State() ([]byte, error) {
	return t.shim.blob(func(data *C.uint8_t, room C.int64_t, size *C.int64_t, e *C.encas_error) C.int {
		return C.encas_shim_train_state(&t.shim.fns, t.handle, data, room, size, e)
	})
}

// Restore goes on from a state of a training of the same table. Anything else is refused, and
// changes nothing.
func (t *Training) Restore(state []byte) error {
	var e C.encas_error
	return check(C.encas_shim_train_restore(&t.shim.fns, t.handle, (*C.uint8_t)(unsafe.SliceData(state)), C.int64_t(len(state)), &e), &e)
}

// Close frees the training, and keeps what it trained.
func (t *Training) Close() {
	C.encas_shim_train_free(&t.shim.fns, t.handle)
	t.handle = nil
}

// Close frees the model.
func (m *Model) Close() {
	C.encas_shim_free(&m.shim.fns, m.handle)
	m.handle = nil
}

// Parameters is their number, or that of all floating-point constants if the
// file was frozen.
func (m *Model) Parameters() int64 { return int64(C.encas_shim_parameters(&m.shim.fns, m.handle)) }

// Run runs n images of height x width RGB pixels, row by row, and fills probs, n
// times the number of classes, with float16 softmax outputs.
func (m *Model) Run(pixels []byte, n, height, width int, mean, std [3]float32, probs []uint16) error {
	if n < 1 || len(pixels) != n*height*width*3 || len(probs) != n*m.classes {
		return fmt.Errorf("torch: %d bytes and %d outputs for %d images of %dx%d and %d classes", len(pixels), len(probs), n, height, width, m.classes)
	}
	var e C.encas_error
	return check(C.encas_shim_run(&m.shim.fns, m.handle, (*C.uint8_t)(&pixels[0]), C.int(n), C.int(height), C.int(width),
		(*C.float)(&mean[0]), (*C.float)(&std[0]), (*C.uint16_t)(&probs[0]), C.int(m.classes), &e), &e)
}

// Outputs runs n images as Run does and returns what the model itself returns, n rows in
// room if that is large enough, and the width of a row, at most widest.
func (m *Model) Outputs(pixels []byte, n, height, width int, mean, std [3]float32, room []float32, widest int) (rows []float32, classes int, err error) {
	if n < 1 || len(pixels) != n*height*width*3 {
		return nil, 0, fmt.Errorf("torch: %d bytes for %d images of %dx%d", len(pixels), n, height, width)
	}
	for {
		var e C.encas_error
		var c C.int64_t
		err := check(C.encas_shim_outputs(&m.shim.fns, m.handle, (*C.uint8_t)(&pixels[0]), C.int(n), C.int(height), C.int(width),
			(*C.float)(&mean[0]), (*C.float)(&std[0]), (*C.float)(unsafe.SliceData(room)), C.int64_t(len(room)), &c, &e), &e)
		if err != nil {
			return nil, 0, err
		}
		if c < 1 || c > C.int64_t(widest) {
			return nil, 0, fmt.Errorf("%w: the model gives %d numbers an image, and there are 1 to %d", ErrBadOutput, c, widest)
		}
		classes = int(c)
		if n*classes <= len(room) {
			return room[:n*classes], classes, nil
		}
		room = make([]float32, n*classes)
	}
}

// Count counts the multiply-adds of one image.
func (m *Model) Count(height, width int) (Counts, error) {
	var e C.encas_error
	var c C.encas_counts
	err := check(C.encas_shim_count(&m.shim.fns, m.handle, C.int(height), C.int(width), &c, &e), &e)
	return Counts{MACs: float64(c.macs), FVCore: float64(c.fvcore), Quantized: float64(c.quantized)}, err
}

// Memory is the largest number of bytes that a batch of n images takes at a time on
// the model's device, beside the weights.
func (m *Model) Memory(n, height, width int) (int64, error) {
	var e C.encas_error
	var b C.int64_t
	err := check(C.encas_shim_memory(&m.shim.fns, m.handle, C.int(n), C.int(height), C.int(width), &b, &e), &e)
	return int64(b), err
}
