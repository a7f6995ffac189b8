"""What the peers share: files, genomes, the exact check, the conversation."""

import json
import os
import sys

# One thread, unless a command asks for more. Must be set before numpy is loaded.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import time

import numpy as np


class Zoo:
    """The outputs of M models on N samples, and the genomes to evaluate."""

    def __init__(self, folder):
        self.outputs = np.load(os.path.join(folder, "outputs.npy"), mmap_mode="r")
        self.labels = np.load(os.path.join(folder, "labels.npy"))
        with open(os.path.join(folder, "genomes.json")) as f:
            self.genomes = [(g["models"], [np.float32(t) for t in g["thresholds"]]) for g in json.load(f)]


def exact(zoo, models, thresholds):
    """Correct answers and samples at each stage, without rounding: a float16 in
    [0, 1] is a multiple of 2^-24, so float64 holds every sum, and j*t for a float32
    t."""
    active = np.arange(len(zoo.labels))
    total = np.zeros((len(active), zoo.outputs.shape[2]))
    correct, reach = 0, []
    for j, model in enumerate(models):
        reach.append(len(active))
        total += zoo.outputs[model][active]
        leaves = np.ones(len(active), bool)
        if j < len(thresholds):
            leaves = total.max(axis=1) > (j + 1) * np.float64(thresholds[j])
        correct += int((total[leaves].argmax(axis=1) == zoo.labels[active[leaves]]).sum())
        active, total = active[~leaves], total[~leaves]
    return correct, reach


def serve(zoo, evaluate, about, set_threads=None):
    """Answers commands until standard input ends. evaluate(models, thresholds) is
    the form to time."""

    def say(answer):
        print(json.dumps(answer), flush=True)

    say({"about": about})
    for line in sys.stdin:
        command = json.loads(line)
        genomes = zoo.genomes[command["from"]:command["to"]]
        if command["do"] == "exact":
            results = [exact(zoo, *g) for g in genomes]
            say({"correct": [c for c, _ in results], "reach": [r for _, r in results]})
            continue
        if set_threads:
            set_threads(command["threads"])
        start = time.perf_counter()
        results = [evaluate(*g) for g in genomes]
        seconds = time.perf_counter() - start
        say({"seconds": seconds, "correct": [c for c, _ in results], "reach": [r for _, r in results]})
