/*
 * The C ABI between encas-zoo and libtorch. The library behind it is compiled once
 * for the torch a machine has (`encas-zoo shim build`) and opened at run time.
 *
 * Every function that can fail returns an encas_status and, unless that is
 * ENCAS_OK, leaves a message in *err. No C++ exception leaves the library. All
 * buffers belong to the caller. A model is used from one thread at a time.
 */
#ifndef ENCAS_TORCH_H
#define ENCAS_TORCH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define ENCAS_API __attribute__((visibility("default")))
#else
#define ENCAS_API
#endif

/* The version of this header. A library of another version is refused. */
#define ENCAS_TORCH_ABI 5

typedef enum {
	ENCAS_OK = 0,
	ENCAS_ERROR = 1,           /* the message says what */
	ENCAS_OUT_OF_MEMORY = 2,   /* less at a time may do */
	ENCAS_NOT_TORCHSCRIPT = 3, /* the file cannot be loaded as a model */
	ENCAS_BAD_OUTPUT = 4       /* not one row of `classes` numbers an image */
} encas_status;

typedef enum {
	ENCAS_FLOAT32 = 0,
	ENCAS_BFLOAT16 = 1, /* autocast: torch chooses what runs in bfloat16 */
	ENCAS_FLOAT16 = 2   /* autocast; CUDA devices only */
} encas_precision;

typedef struct {
	char message[1024]; /* one line, terminated */
} encas_error;

/* Multiply-adds of one image. */
typedef struct {
	double macs;      /* convolutions and matrix products, attention's included */
	double fvcore;    /* as fvcore counts: macs, and norms and adaptive pooling */
	double quantized; /* the macs of quantised operators */
} encas_counts;

typedef struct encas_model encas_model;

/* Returns ENCAS_TORCH_ABI as the library was compiled. */
ENCAS_API int encas_torch_abi(void);

/* Returns torch's version, such as "2.4.1". */
ENCAS_API const char *encas_torch_version(void);

/* Fails where torch cannot use the device ("cpu", "cuda", "cuda:1"). */
ENCAS_API int encas_torch_device(const char *device, encas_error *err);

/* Sets the number of threads the calling thread's operations use. */
ENCAS_API int encas_torch_threads(int threads, encas_error *err);

/* Loads a TorchScript file onto a device. The model must be freed. */
ENCAS_API int encas_torch_load(const char *path, const char *device, int precision,
                               encas_model **model, encas_error *err);

/* Makes a model of the subnet that a plan of n numbers cuts from a supernet, a file of
 * `encas-zoo supernet export`. It shares the supernet's weights, device and precision,
 * and must be freed, before or after the supernet. A plan with a number that the
 * supernet does not know is refused. */
ENCAS_API int encas_torch_subnet(const encas_model *supernet, const int64_t *plan, int n,
                                 encas_model **model, encas_error *err);

/* Runs n images through a subnet, in float32, and takes the statistics of this batch
 * down, of each of its batch norms: until encas_torch_settle they have no effect on
 * anything else. unbiased is that of the first batch for all. */
ENCAS_API int encas_torch_observe(encas_model *model, const uint8_t *pixels, int n,
                                  int height, int width, const float *mean,
                                  const float *std, int unbiased, encas_error *err);

/* Gives a subnet's batch norms the averages over the batches observed since the last
 * time: with unbiased 0 those of means and of variances with divisor n, weighted by the
 * number of images (OFA); else plain ones, with divisor n-1 (AttentiveNAS). */
ENCAS_API int encas_torch_settle(encas_model *model, encas_error *err);

/* Writes a subnet to a TorchScript file of its own, which holds its weights and its
 * statistics, and nothing else of the supernet: loaded, it is an ordinary model that gives
 * what the subnet gives. encas_json becomes the file's extra file encas.json. */
ENCAS_API int encas_torch_save(const encas_model *model, const char *path, const char *encas_json,
                               encas_error *err);

/* Puts a subnet's statistics into the supernet's own, those that cut returns for its plan:
 * of the largest subnet they are those by which the whole file is a model. */
ENCAS_API int encas_torch_keep(encas_model *model, encas_error *err);

/* Writes a supernet as a file of its own, with all its weights and with the text of its
 * encas.json. */
ENCAS_API int encas_torch_write(const encas_model *supernet, const char *path, const char *encas_json,
                                encas_error *err);

/* Returns in *size how many bytes a model's parameters and buffers take, and in data, if
 * room is that much, all of them: each after a line "BYTES NAME TYPE SHAPE" as Python prints
 * the type and shape that its state_dict has. */
ENCAS_API int encas_torch_weights(const encas_model *model, uint8_t *data, int64_t room,
                                  int64_t *size, encas_error *err);

/* Moves the parameters and buffers of one supernet by a share of the way to those of another
 * of the same table. By shares of 1/2, 1/3, ... they become averages. */
ENCAS_API int encas_torch_average(encas_model *model, const encas_model *other, double share,
                                  encas_error *err);

/* Frees a model; NULL is allowed. */
ENCAS_API void encas_torch_free(encas_model *model);

/* Returns the number of parameters, or of all floating-point constants where the
 * file was frozen and tells no parameters apart. */
ENCAS_API int64_t encas_torch_parameters(const encas_model *model);

/* Runs n images. pixels is [n][height][width][3], RGB, 0..255; the model sees
 * (pixel/255 - mean[c]) / std[c] as float32 [n][3][height][width]. probs receives
 * [n][classes]: the softmax of the model's output, computed in float32, as float16
 * bits. */
ENCAS_API int encas_torch_run(encas_model *model, const uint8_t *pixels, int n,
                              int height, int width, const float *mean,
                              const float *std, uint16_t *probs, int classes,
                              encas_error *err);

/* Runs n images as encas_torch_run does and returns what the model itself returns:
 * *classes receives the width of its rows, and outputs, which has room for that many
 * numbers, [n][*classes] as float32. Where the room does not do, outputs stays as it
 * is. */
ENCAS_API int encas_torch_outputs(encas_model *model, const uint8_t *pixels, int n,
                                  int height, int width, const float *mean,
                                  const float *std, float *outputs, int64_t room,
                                  int64_t *classes, encas_error *err);

/* Counts the multiply-adds of one black image. */
ENCAS_API int encas_torch_count(encas_model *model, int height, int width,
                                encas_counts *counts, encas_error *err);

/* Measures the most memory, in bytes, that tensors made while n black images run
 * take at a time on the model's device. The model's own weights are not in it. */
ENCAS_API int encas_torch_memory(encas_model *model, int n, int height, int width,
                                 int64_t *bytes, encas_error *err);

/* The training of a supernet's weights: stochastic gradient descent with Nesterov's momentum. */
typedef struct encas_training encas_training;

/* Begins to train a supernet's parameters, those that its subnets share. decay is that of
 * the weights. scale is what losses are multiplied by, so that gradients in float16 are not
 * 0: it is halved when gradients overflow, doubled after 2,000 times that they did not, and
 * is to be a power of two; 0 for none. The training must be freed, before or after the
 * supernet. */
ENCAS_API int encas_torch_train(const encas_model *supernet, double momentum, double decay, double scale,
                                encas_training **training, encas_error *err);

/* Runs n images, as for encas_torch_run, through the subnet of a plan, whose norms take the
 * statistics of the batch. answers, if not NULL, receives [n][classes], the softmax of its
 * outputs. targets are [n][classes], the shares of the classes; *loss receives the mean cross
 * entropy, and its gradients are added to those there are. Without targets, NULL, there are
 * no gradients and *loss stays. After an error there are none either. */
ENCAS_API int encas_torch_train_step(encas_training *training, const int64_t *plan, int length,
                                     const uint8_t *pixels, int n, int height, int width,
                                     const float *mean, const float *std, const float *targets,
                                     int classes, float *answers, double *loss, encas_error *err);

/* Moves the parameters that have gradients along these, and drops the gradients. *applied
 * receives 0 if they overflowed: then nothing moves but scale. */
ENCAS_API int encas_torch_train_apply(encas_training *training, double rate, int *applied, encas_error *err);

/* Returns in *size how many bytes the state takes, and in data, if room is that much, the
 * state: parameters, buffers, momentum and scale, without gradients. */
ENCAS_API int encas_torch_train_state(const encas_training *training, uint8_t *data, int64_t room,
                                      int64_t *size, encas_error *err);

/* Goes on from a state of a training of the same table. A state of anything else is refused,
 * and the training is as it was. */
ENCAS_API int encas_torch_train_restore(encas_training *training, const uint8_t *data, int64_t size,
                                        encas_error *err);

/* Frees a training, not what it trained; NULL is allowed. */
ENCAS_API void encas_torch_train_free(encas_training *training);

#ifdef __cplusplus
}
#endif

#endif
