/*
 * A shim without torch, for tests of what surrounds it. A model file is text:
 *
 *     fake                     needed; anything else is not a model
 *     seed N                   which outputs it gives (they depend on the pixels)
 *     most N                   more than N images at a time are out of memory
 *     nan N                    the image of that number (counted from 0 over the
 *                              model's life, batches of timing included) is NaN
 *     classes N                gives that many outputs whatever is asked for
 *     sleep N                  microseconds an image takes
 *     fail                     every run fails
 */
#include "encas_torch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct encas_model {
	long seed, most, nan, classes, sleep, fail, seen;
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
	m->nan = -1;
	while (fscanf(f, "%15s", key) == 1) {
		if (strcmp(key, "fail") == 0) {
			m->fail = 1;
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
	}
	fclose(f);
	*model = m;
	return ENCAS_OK;
}

void encas_torch_free(encas_model *model) { free(model); }
int64_t encas_torch_parameters(const encas_model *model) { return 1000 + model->seed; }

/* The float16 bits of a normal number in (0, 1], rounded down. */
static uint16_t half(double v) {
	int e;
	double m = frexp(v, &e);
	if (e < -13)
		return 0;
	return (uint16_t)(((e + 14) << 10) + (int)((m * 2 - 1) * 1024));
}

int encas_torch_run(encas_model *m, const uint8_t *pixels, int n, int height, int width,
                    const float *mean, const float *std, uint16_t *probs, int classes, encas_error *err) {
	if (m->fail)
		return failed(err, ENCAS_ERROR, "told to fail");
	if (n > m->most)
		return failed(err, ENCAS_OUT_OF_MEMORY, "told to be small");
	if (m->classes && m->classes != classes)
		return failed(err, ENCAS_BAD_OUTPUT, "told to give another number of classes");
	if (m->sleep)
		usleep((useconds_t)(m->sleep * n));
	size_t size = (size_t)height * width * 3;
	for (int i = 0; i < n; i++) {
		uint64_t h = 14695981039346656037u + (uint64_t)m->seed;
		for (size_t j = 0; j < size; j++)
			h = (h ^ pixels[i * size + j]) * 1099511628211u;
		double sum = 0, weight[classes];
		for (int c = 0; c < classes; c++) {
			h = h * 6364136223846793005u + 1442695040888963407u;
			sum += weight[c] = 1 + (double)(h >> 40);
		}
		for (int c = 0; c < classes; c++)
			probs[(size_t)i * classes + c] = m->seen == m->nan ? 0x7E00 : half(weight[c] / sum);
		m->seen++;
	}
	return ENCAS_OK;
}

int encas_torch_count(encas_model *m, int height, int width, encas_counts *counts, encas_error *err) {
	counts->macs = 1e6 * (double)(1 + m->seed);
	counts->fvcore = counts->macs * 1.5;
	return ENCAS_OK;
}

int encas_torch_memory(encas_model *m, int n, int height, int width, int64_t *bytes, encas_error *err) {
	if (n > m->most)
		return failed(err, ENCAS_OUT_OF_MEMORY, "told to be small");
	*bytes = (int64_t)n * height * width * 12;
	return ENCAS_OK;
}
