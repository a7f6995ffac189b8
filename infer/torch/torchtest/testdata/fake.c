/*
 * A shim without torch, for tests of what surrounds it. A model file is text:
 *
 *     fake                     needed; anything else is not a model
 *     seed N                   which outputs it gives (they depend on the pixels)
 *     most N                   more than N images at a time are out of memory
 *     nan N                    the image of that number (counted from 0 over the
 *                              model's life, batches of timing included, but not what
 *                              is asked for as the model itself gives it) is NaN
 *     classes N                gives that many outputs whatever is asked for
 *     sleep N                  microseconds an image takes
 *     fail                     every run fails
 *     single                   fails on more than one image at a time
 *     chance N                 adds random numbers below N thousandths to its outputs
 *     mixes                    adds what depends on the last image of a batch
 *     softmax                  gives probabilities
 *     sigmoid                  gives numbers in [0, 1] that sum to more than 1
 *     log                      gives logarithms of probabilities
 *     free                     has no multiply-adds
 *     supernet N               has subnets, by plans of N numbers from 0; outputs depend on
 *                              all of them, and on what was observed until it was settled.
 *                              Training changes its seed, by plans, pixels, targets, rate
 *                              and all that was before, and makes its loss smaller
 *     loss N                   thousandths of the loss that training begins with (2000)
 *     end                      the rest of the file is something else
 *
 * By itself it gives logits, for as many classes as there is room for, or 5.
 */
#include "encas_torch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct encas_model {
	long seed, most, nan, classes, sleep, fail, single, chance, mixes, head, free, seen;
	long supernet, subnet;             /* how long plans are; whether it is a subnet */
	long observed, unbiased, batches;  /* a sum over what was observed */
	long loss;
};

struct encas_training {
	encas_model *of;
	long gradient, steps, momentum;
};

static int failed(encas_error *err, int code, const char *message) {
	snprintf(err->message, sizeof err->message, "%s", message);
	return code;
}

int encas_torch_abi(void) { return ENCAS_TORCH_ABI; }
const char *encas_torch_version(void) { return "fake"; }
int encas_torch_threads(int threads, encas_error *err) { return ENCAS_OK; }

int encas_torch_device(const char *device, encas_error *err) {
	return strcmp(device, "cpu") == 0 ? ENCAS_OK : failed(err, ENCAS_ERROR, "there is only a cpu");
}

int encas_torch_load(const char *path, const char *device, int precision, encas_model **model, encas_error *err) {
	char key[16];
	FILE *f = fopen(path, "r");
	if (!f || fscanf(f, "%15s", key) != 1 || strcmp(key, "fake") != 0) {
		if (f)
			fclose(f);
		return failed(err, ENCAS_NOT_TORCHSCRIPT, "the file does not begin with fake");
	}
	encas_model *m = calloc(1, sizeof *m);
	m->most = 1L << 30;
	m->loss = 2000;
	m->nan = -1;
	while (fscanf(f, "%15s", key) == 1 && strcmp(key, "end") != 0) {
		long *flag = strcmp(key, "fail") == 0     ? &m->fail
		             : strcmp(key, "single") == 0 ? &m->single
		             : strcmp(key, "mixes") == 0  ? &m->mixes
		             : strcmp(key, "free") == 0   ? &m->free
		                                          : NULL;
		if (flag) {
			*flag = 1;
			continue;
		}
		if (strcmp(key, "softmax") == 0 || strcmp(key, "sigmoid") == 0 || strcmp(key, "log") == 0) {
			m->head = strcmp(key, "sigmoid") == 0 ? 'g' : key[0];
			continue;
		}
		long value;
		if (fscanf(f, "%ld", &value) != 1)
			break;
		if (strcmp(key, "seed") == 0)
			m->seed = value;
		else if (strcmp(key, "most") == 0)
			m->most = value;
		else if (strcmp(key, "nan") == 0)
			m->nan = value;
		else if (strcmp(key, "classes") == 0)
			m->classes = value;
		else if (strcmp(key, "sleep") == 0)
			m->sleep = value;
		else if (strcmp(key, "chance") == 0)
			m->chance = value;
		else if (strcmp(key, "supernet") == 0)
			m->supernet = value;
		else if (strcmp(key, "loss") == 0)
			m->loss = value;
	}
	fclose(f);
	*model = m;
	return ENCAS_OK;
}

void encas_torch_free(encas_model *model) { free(model); }
int64_t encas_torch_parameters(const encas_model *model) { return 1000 + model->seed; }

/* Adds a number to a sum over what came before. */
static void mix(long *sum, long v) { *sum = (*sum * 31 + v % 1000003) % 1000003; }

static int mix_plan(const encas_model *supernet, const int64_t *plan, int n, long *sum, encas_error *err) {
	if (!supernet->supernet)
		return failed(err, ENCAS_ERROR, "the file is no supernet");
	if (n != supernet->supernet)
		return failed(err, ENCAS_ERROR, "a plan of another length");
	for (int i = 0; i < n; i++) {
		if (plan[i] < 0)
			return failed(err, ENCAS_ERROR, "plan: a number below 0");
		mix(sum, (long)plan[i]);
	}
	return ENCAS_OK;
}

int encas_torch_subnet(const encas_model *supernet, const int64_t *plan, int n, encas_model **model, encas_error *err) {
	long sum = supernet->seed;
	int status = mix_plan(supernet, plan, n, &sum, err);
	if (status != ENCAS_OK)
		return status;
	encas_model *m = malloc(sizeof *m);
	*m = *supernet;
	m->seed = sum;
	m->supernet = 0;
	m->subnet = 1;
	*model = m;
	return ENCAS_OK;
}

int encas_torch_settle(encas_model *m, encas_error *err) {
	if (!m->subnet)
		return failed(err, ENCAS_ERROR, "the model is no subnet of a supernet");
	if (!m->batches)
		return failed(err, ENCAS_ERROR, "no batch was observed");
	m->seed = m->observed;
	m->observed = m->batches = 0;
	return ENCAS_OK;
}

static void put(FILE *f, uint32_t value, int bytes) {
	for (; bytes-- > 0; value >>= 8)
		fputc(value & 255, f);
}

/* One file of a zip archive, stored as it is, and the entry of it in the archive's directory. */
static void archived(FILE *f, FILE *directory, const char *name, const char *text) {
	uint32_t size = (uint32_t)strlen(text), crc = ~0u, at = (uint32_t)ftell(f);
	for (uint32_t i = 0; i < size; i++) {
		crc ^= (unsigned char)text[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
	}
	for (FILE *to = f;; to = directory) {
		put(to, to == f ? 0x04034B50 : 0x02014B50, 4);
		if (to == directory)
			put(to, 20, 2);
		put(to, 20, 2);
		for (int i = 0; i < 4; i++)
			put(to, 0, 2); /* flags, method, time, date */
		put(to, ~crc, 4);
		put(to, size, 4);
		put(to, size, 4);
		put(to, (uint32_t)strlen(name), 2);
		put(to, 0, 2);
		if (to == directory) {
			put(to, 0, 2);
			put(to, 0, 4);
			put(to, 0, 4);
			put(to, at, 4);
		}
		fputs(name, to);
		if (to == directory)
			return;
		fputs(text, to);
	}
}

/* A model file of that text, with its metadata and a constant in a zip archive behind it. */
static int write_file(const char *path, const char *text, const char *constant, const char *encas_json, encas_error *err) {
	char *entries = NULL;
	size_t size = 0;
	FILE *f = fopen(path, "w");
	if (!f)
		return failed(err, ENCAS_ERROR, "the file cannot be written");
	FILE *directory = open_memstream(&entries, &size);
	fprintf(f, "fake %s end\n", text);
	archived(f, directory, "fake/extra/encas.json", encas_json);
	archived(f, directory, "fake/constants/0", constant);
	fclose(directory);
	uint32_t at = (uint32_t)ftell(f);
	fwrite(entries, 1, size, f);
	put(f, 0x06054B50, 4);
	put(f, 0, 4);
	put(f, 2, 2);
	put(f, 2, 2);
	put(f, (uint32_t)size, 4);
	put(f, at, 4);
	put(f, 0, 2);
	fclose(f);
	free(entries);
	return ENCAS_OK;
}

int encas_torch_save(const encas_model *m, const char *path, const char *encas_json, encas_error *err) {
	if (!m->subnet)
		return failed(err, ENCAS_ERROR, "the model is no subnet of a supernet");
	char text[40], seed[32];
	snprintf(seed, sizeof seed, "%ld", m->seed);
	snprintf(text, sizeof text, "seed %s", seed);
	return write_file(path, text, seed, encas_json, err);
}

/* The float16 bits of a normal number in (0, 1], rounded down. */
static uint16_t half(double v) {
	int e;
	double m = frexp(v, &e);
	if (e < -13)
		return 0;
	return (uint16_t)(((e + 14) << 10) + (int)((m * 2 - 1) * 1024));
}

/* What stops a run of n images, if anything does. */
static int stopped(encas_model *m, int n, encas_error *err) {
	if (m->fail)
		return failed(err, ENCAS_ERROR, "told to fail");
	if (n > m->most)
		return failed(err, ENCAS_OUT_OF_MEMORY, "told to be small");
	if (n > 1 && m->single)
		return failed(err, ENCAS_ERROR, "told to take one");
	if (m->sleep)
		usleep((useconds_t)(m->sleep * n));
	return ENCAS_OK;
}

int encas_torch_observe(encas_model *m, const uint8_t *pixels, int n, int height, int width,
                        const float *mean, const float *std, int unbiased, encas_error *err) {
	int status = stopped(m, n, err);
	if (status != ENCAS_OK)
		return status;
	if (!m->subnet)
		return failed(err, ENCAS_ERROR, "the model is no subnet of a supernet");
	if (m->batches && m->unbiased != unbiased)
		return failed(err, ENCAS_ERROR, "batches are observed with biased or with unbiased variances, not with both");
	m->unbiased = unbiased;
	if (!m->batches++)
		m->observed = m->seed + unbiased;
	for (size_t j = 0; j < (size_t)n * height * width * 3; j++)
		m->observed = (m->observed * 31 + pixels[j]) % 1000003;
	return ENCAS_OK;
}

/* The probabilities of one image of that many bytes. */
static void probabilities(const encas_model *m, const uint8_t *pixels, size_t size, int classes, double *p) {
	uint64_t h = 14695981039346656037u + (uint64_t)m->seed;
	for (size_t j = 0; j < size; j++)
		h = (h ^ pixels[j]) * 1099511628211u;
	double sum = 0;
	for (int c = 0; c < classes; c++) {
		h = h * 6364136223846793005u + 1442695040888963407u;
		sum += p[c] = 1 + (double)(h >> 40);
	}
	for (int c = 0; c < classes; c++)
		p[c] /= sum;
}

int encas_torch_run(encas_model *m, const uint8_t *pixels, int n, int height, int width,
                    const float *mean, const float *std, uint16_t *probs, int classes, encas_error *err) {
	int status = stopped(m, n, err);
	if (status != ENCAS_OK)
		return status;
	if (m->classes && m->classes != classes)
		return failed(err, ENCAS_BAD_OUTPUT, "told to give another number of classes");
	size_t size = (size_t)height * width * 3;
	double p[classes];
	for (int i = 0; i < n; i++) {
		probabilities(m, pixels + i * size, size, classes, p);
		for (int c = 0; c < classes; c++)
			probs[(size_t)i * classes + c] = m->seen == m->nan ? 0x7E00 : half(p[c]);
		m->seen++;
	}
	return ENCAS_OK;
}

int encas_torch_outputs(encas_model *m, const uint8_t *pixels, int n, int height, int width, const float *mean,
                        const float *std, float *outputs, int64_t room, int64_t *classes, encas_error *err) {
	int status = stopped(m, n, err);
	if (status != ENCAS_OK)
		return status;
	*classes = m->classes ? m->classes : room >= n ? room / n : 5;
	if (room < n * *classes)
		return ENCAS_OK;
	size_t size = (size_t)height * width * 3;
	double p[*classes], last = m->mixes ? pixels[n * size - 1] / 255.0 : 0;
	for (int i = 0; i < n; i++) {
		probabilities(m, pixels + i * size, size, (int)*classes, p);
		for (int c = 0; c < *classes; c++) {
			double v = m->head == 's' ? p[c] : m->head == 'g' ? (1 + p[c]) / 2 : log(p[c]) + (m->head == 'l' ? 0 : 7);
			outputs[i * *classes + c] = (float)(v + c * last + (double)m->chance / 1000 * rand() / RAND_MAX);
		}
	}
	return ENCAS_OK;
}

int encas_torch_count(encas_model *m, int height, int width, encas_counts *counts, encas_error *err) {
	counts->macs = m->free ? 0 : 1e6 * (double)(1 + m->seed);
	counts->fvcore = counts->macs * 1.5;
	counts->quantized = 0;
	return ENCAS_OK;
}

int encas_torch_memory(encas_model *m, int n, int height, int width, int64_t *bytes, encas_error *err) {
	if (n > m->most)
		return failed(err, ENCAS_OUT_OF_MEMORY, "told to be small");
	*bytes = (int64_t)n * height * width * 12;
	return ENCAS_OK;
}

int encas_torch_keep(encas_model *m, encas_error *err) {
	return m->subnet ? ENCAS_OK : failed(err, ENCAS_ERROR, "the model is no subnet of a supernet");
}

/* A file of a supernet and its metadata. */
int encas_torch_write(const encas_model *m, const char *path, const char *encas_json, encas_error *err) {
	char text[160], seed[32];
	snprintf(seed, sizeof seed, "%ld", m->seed);
	snprintf(text, sizeof text, "seed %s loss %ld supernet %ld sleep %ld", seed, m->loss, m->supernet, m->sleep);
	return write_file(path, text, seed, encas_json, err);
}

/* Gives a text as the functions do whose size is not known before. */
static int give(const char *text, uint8_t *data, int64_t room, int64_t *size) {
	*size = (int64_t)strlen(text);
	if (*size <= room)
		memcpy(data, text, (size_t)*size);
	return ENCAS_OK;
}

int encas_torch_weights(const encas_model *m, uint8_t *data, int64_t room, int64_t *size, encas_error *err) {
	char text[128];
	snprintf(text, sizeof text, "10 seed torch.uint8 (10,)\n%010ld", m->seed);
	return give(text, data, room, size);
}

int encas_torch_average(encas_model *m, const encas_model *other, double share, encas_error *err) {
	if (m->supernet != other->supernet)
		return failed(err, ENCAS_ERROR, "the two files have not the same weights: they are of different supernets");
	mix(&m->seed, other->seed);
	mix(&m->seed, lround(share * 1e6));
	return ENCAS_OK;
}

int encas_torch_train(const encas_model *supernet, double momentum, double decay, double scale, encas_training **training, encas_error *err) {
	if (!supernet->supernet)
		return failed(err, ENCAS_ERROR, "the file is no supernet");
	encas_training *t = calloc(1, sizeof *t);
	t->of = (encas_model *)supernet;
	mix(&t->momentum, lround(momentum * 1e6));
	mix(&t->momentum, lround(decay * 1e6));
	*training = t;
	return ENCAS_OK;
}

int encas_torch_train_step(encas_training *t, const int64_t *plan, int length, const uint8_t *pixels, int n, int height, int width,
                           const float *mean, const float *std, const float *targets, int classes, float *answers, double *loss, encas_error *err) {
	int status = mix_plan(t->of, plan, length, &t->gradient, err);
	if (status == ENCAS_OK)
		status = stopped(t->of, n, err);
	if (status != ENCAS_OK)
		return status;
	size_t size = (size_t)height * width * 3;
	for (size_t j = 0; j < n * size; j++)
		mix(&t->gradient, pixels[j]);
	double p[classes];
	for (int i = 0; answers && i < n; i++) {
		probabilities(t->of, pixels + i * size, size, classes, p);
		for (int c = 0; c < classes; c++)
			answers[i * classes + c] = (float)p[c];
	}
	if (!targets)
		return ENCAS_OK;
	for (int j = 0; j < n * classes; j++)
		mix(&t->gradient, lround(targets[j] * 1e6));
	t->steps++;
	*loss = (double)t->of->loss / 1000;
	return ENCAS_OK;
}

int encas_torch_train_apply(encas_training *t, double rate, int *applied, encas_error *err) {
	if (!t->steps)
		return failed(err, ENCAS_ERROR, "there are no gradients to apply");
	mix(&t->momentum, t->gradient);
	mix(&t->momentum, lround(rate * 1e9));
	mix(&t->of->seed, t->momentum);
	t->of->loss = t->of->loss * 999 / 1000;
	t->gradient = t->steps = 0;
	*applied = 1;
	return ENCAS_OK;
}

int encas_torch_train_state(const encas_training *t, uint8_t *data, int64_t room, int64_t *size, encas_error *err) {
	char text[128];
	snprintf(text, sizeof text, "%ld %ld %ld", t->of->seed, t->of->loss, t->momentum);
	return give(text, data, room, size);
}

int encas_torch_train_restore(encas_training *t, const uint8_t *data, int64_t size, encas_error *err) {
	char text[128];
	snprintf(text, sizeof text, "%.*s", (int)(size < 127 ? size : 127), (const char *)data);
	long seed, loss, momentum;
	if (sscanf(text, "%ld %ld %ld", &seed, &loss, &momentum) != 3)
		return failed(err, ENCAS_ERROR, "the state is not one of this supernet");
	t->of->seed = seed;
	t->of->loss = loss;
	t->momentum = momentum;
	t->gradient = t->steps = 0;
	return ENCAS_OK;
}

void encas_torch_train_free(encas_training *training) { free(training); }
