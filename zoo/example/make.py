"""Trains the classifiers of the example zoo and writes digits.npz and models.csv.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/python make.py

The data are the 1,797 handwritten digits of 8x8 pixels that scikit-learn
ships. Every prediction is out of fold: the samples are dealt into ten folds
and each sample is answered by a model that saw the other nine.

Where a model's cost depends on what was learnt (support vectors, the way down
a tree) it is the mean over all samples, each counted with the model that
answered it. cost.py has the formulas, catalogue.py the models.
"""

import os

# One thread for each fit: the order of summation, and so the result, is then fixed.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import argparse
import csv
import time
import warnings
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold

from catalogue import SEED, catalogue
from cost import measure

FOLDS = 10
CLASSES = 10


def answer(model, x, y, train, held):
    """Fits one model on one fold: (float64 probabilities of the held-out samples, operations, numbers stored)."""
    with warnings.catch_warnings():
        # Some pixels are 0 in every image, and the perceptrons stop after a set number of rounds.
        warnings.filterwarnings("ignore", "Features .* are constant", UserWarning)
        warnings.filterwarnings("ignore", "invalid value encountered in divide", RuntimeWarning)
        warnings.filterwarnings("ignore", category=ConvergenceWarning)
        model.fit(x[train], y[train])
    return model.predict_proba(x[held]), *measure(model, x[held])


def main():
    parser = argparse.ArgumentParser(description="Make the example zoo again.")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="fits at a time (default: one a core)")
    parser.add_argument("--only", help="fit the models whose names contain this; print the table, write nothing")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder of digits.npz and models.csv")
    arguments = parser.parse_args()

    x, y = load_digits(return_X_y=True)
    x = x / 16
    folds = list(StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(x, y))

    arrays = {"labels": y.astype(np.int64), "ids": np.array([f"digit-{i:04d}" for i in range(len(y))])}
    rows = []
    print(f"{'model':<18}{'operations':>12}{'stored':>10}{'accuracy':>10}{'seconds':>9}")
    with Parallel(n_jobs=arguments.jobs) as parallel:
        for name, family, note, model in catalogue():
            if arguments.only and arguments.only not in name:
                continue
            started = time.monotonic()
            answers = parallel(delayed(answer)(model, x, y, train, held) for train, held in folds)
            outputs = np.empty((len(y), CLASSES))
            operations = stored = 0.0
            for (_, held), (probabilities, fold_operations, fold_stored) in zip(folds, answers):
                outputs[held] = probabilities
                operations += fold_operations * len(held) / len(y)
                stored += fold_stored * len(held) / len(y)
            outputs = outputs.astype(np.float16)
            accuracy = (outputs.argmax(axis=1) == y).mean()
            arrays[name] = outputs
            rows.append([name, f"{operations / 1e9:.6g}", family, round(stored), f"{accuracy:.6f}", note])
            print(f"{name:<18}{operations:>12.5g}{stored:>10.0f}{accuracy:>10.4f}{time.monotonic() - started:>9.1f}", flush=True)

    if arguments.only:
        return
    # savez dates every entry 1980-01-01, so equal arrays give equal bytes.
    np.savez_compressed(arguments.out / "digits.npz", **arrays)
    with open(arguments.out / "models.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["name", "gflops", "family", "params", "accuracy", "note"])
        writer.writerows(rows)


if __name__ == "__main__":
    main()
