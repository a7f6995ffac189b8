//go:build cgo && !windows

// Package turbojpeg decodes JPEG with libjpeg-turbo, the library Pillow uses, so
// that pixels come out the same. The library is opened with dlopen on first use:
// building needs neither it nor its headers, and a program that decodes no JPEG
// runs without it.
package turbojpeg

/*
#cgo linux LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdlib.h>

typedef void *(*init_fn)(void);
typedef int (*decompress_fn)(void *, const unsigned char *, unsigned long,
	unsigned char *, int, int, int, int, int);
typedef int (*destroy_fn)(void *);
typedef char *(*error_fn)(void *);
typedef int (*code_fn)(void *);

// What is used of the TurboJPEG API; the same in every 2.x and 3.x release.
struct encas_turbojpeg {
	init_fn init;
	decompress_fn decompress;
	destroy_fn destroy;
	error_fn error;
	code_fn code;
};

// Fills *t from the library at path. Returns NULL, or the loader's message.
static const char *encas_turbojpeg_open(struct encas_turbojpeg *t, const char *path) {
	void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (lib == NULL)
		return dlerror();
	t->init = (init_fn)dlsym(lib, "tjInitDecompress");
	t->decompress = (decompress_fn)dlsym(lib, "tjDecompress2");
	t->destroy = (destroy_fn)dlsym(lib, "tjDestroy");
	t->error = (error_fn)dlsym(lib, "tjGetErrorStr2");
	t->code = (code_fn)dlsym(lib, "tjGetErrorCode");
	if (!t->init || !t->decompress || !t->destroy || !t->error || !t->code)
		return "it lacks functions of the TurboJPEG 2 API";
	return NULL;
}

static void *encas_turbojpeg_init(struct encas_turbojpeg *t) { return t->init(); }
static void encas_turbojpeg_destroy(struct encas_turbojpeg *t, void *h) { t->destroy(h); }
static const char *encas_turbojpeg_error(struct encas_turbojpeg *t, void *h) { return t->error(h); }
static int encas_turbojpeg_code(struct encas_turbojpeg *t, void *h) { return t->code(h); }

// Flags 0: accurate DCT and fancy upsampling, as Pillow decodes.
static int encas_turbojpeg_decode(struct encas_turbojpeg *t, void *h, const unsigned char *src,
	unsigned long size, unsigned char *dst, int width, int height, int format) {
	return t->decompress(h, src, size, dst, width, 0, height, format, 0);
}
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"unsafe"
)

// Values of TurboJPEG's enum TJPF and TJERR.
const (
	formatRGB  = C.int(0)
	formatCMYK = C.int(11)

	codeWarning = 0
)

var library struct {
	once sync.Once
	fns  C.struct_encas_turbojpeg
	err  error
}

// open finds the library once per process. ENCAS_TURBOJPEG names it if it is not
// on the loader's path.
func open() error {
	library.once.Do(func() {
		names := []string{"libturbojpeg.so.0", "libturbojpeg.so"}
		if runtime.GOOS == "darwin" {
			names = []string{"libturbojpeg.dylib", "/opt/homebrew/opt/jpeg-turbo/lib/libturbojpeg.dylib"}
		}
		if name := os.Getenv("ENCAS_TURBOJPEG"); name != "" {
			names = []string{name}
		}
		var first string
		for _, name := range names {
			cname := C.CString(name)
			msg := C.encas_turbojpeg_open(&library.fns, cname)
			C.free(unsafe.Pointer(cname))
			if msg == nil {
				return
			}
			if first == "" {
				first = C.GoString(msg)
			}
		}
		library.err = fmt.Errorf("%w: %s (on Debian: apt-get install libturbojpeg0; elsewhere set ENCAS_TURBOJPEG to its path)", ErrMissing, first)
	})
	return library.err
}

// A Decoder holds one decompressor. It is not safe for concurrent use.
type Decoder struct{ handle unsafe.Pointer }

// NewDecoder opens the library, if that has not been done, and makes a decoder.
// The error is ErrMissing if there is no libjpeg-turbo.
func NewDecoder() (*Decoder, error) {
	if err := open(); err != nil {
		return nil, err
	}
	h := C.encas_turbojpeg_init(&library.fns)
	if h == nil {
		return nil, errors.New("turbojpeg: no memory for a decoder")
	}
	return &Decoder{h}, nil
}

// Close frees the decompressor.
func (d *Decoder) Close() {
	if d.handle != nil {
		C.encas_turbojpeg_destroy(&library.fns, d.handle)
		d.handle = nil
	}
}

// Decode writes the picture, which must be width x height as the file's header
// says, into dst: 3 bytes a pixel, or 4 (CMYK as stored) with cmyk set. A
// *Warning means that dst is filled and that something in the file was wrong.
func (d *Decoder) Decode(dst, jpeg []byte, width, height int, cmyk bool) error {
	format, channels := formatRGB, 3
	if cmyk {
		format, channels = formatCMYK, 4
	}
	if len(jpeg) == 0 || len(dst) < width*height*channels || width <= 0 || height <= 0 {
		return fmt.Errorf("turbojpeg: a buffer of %d bytes for %d x %d pixels and %d bytes of JPEG", len(dst), width, height, len(jpeg))
	}
	if C.encas_turbojpeg_decode(&library.fns, d.handle, (*C.uchar)(unsafe.Pointer(&jpeg[0])), C.ulong(len(jpeg)),
		(*C.uchar)(unsafe.Pointer(&dst[0])), C.int(width), C.int(height), format) == 0 {
		return nil
	}
	msg := C.GoString(C.encas_turbojpeg_error(&library.fns, d.handle))
	if C.encas_turbojpeg_code(&library.fns, d.handle) == codeWarning {
		return &Warning{msg}
	}
	return errors.New(msg)
}
