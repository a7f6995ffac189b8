"""Records what pySOT 0.3.3's cubic RBF interpolants with linear tails predict, and SciPy's
rank correlations, in surrogate.json beside this file. Run it with a Python that has
pysot==0.3.3, numpy==1.23.5 and scipy==1.11.4."""

import json
import pathlib

import numpy as np
from pySOT.surrogate import CubicKernel, LinearTail, RBFInterpolant
from scipy import stats

rng = np.random.default_rng(1)


def interpolant(rows, genes, points, queries):
    low, high = rng.integers(0, 2, genes), rng.integers(3, 11, genes)
    draw = lambda n: rng.permutation(np.unique(rng.integers(low, high, (n, genes)), axis=0))
    X, Q = draw(rows)[:points], draw(queries)
    y = np.round(20 + X @ rng.normal(0, 1, genes) + rng.normal(0, 0.5, len(X)), 4)
    rbf = RBFInterpolant(dim=genes, lb=low, ub=high, kernel=CubicKernel(), tail=LinearTail(genes))
    rbf.add_points(X, y)
    return dict(low=low.tolist(), high=high.tolist(), genomes=X.tolist(), errors=y.tolist(), queries=Q.tolist(), predicted=rbf.predict(Q)[:, 0].tolist())


def correlations(n, values):
    a, b = rng.integers(0, values, n), rng.integers(0, values, n)
    b = a + b
    return dict(a=a.tolist(), b=b.tolist(), rmse=float(np.sqrt(np.mean((a - b) ** 2))), spearman=stats.spearmanr(a, b)[0], kendall=stats.kendalltau(a, b)[0])


json.dump(dict(
    interpolants=[interpolant(400, 22, 150, 20), interpolant(200, 5, 60, 20), interpolant(60, 1, 9, 9), interpolant(60, 3, 5, 20)],
    correlations=[correlations(30, 1000), correlations(40, 5), correlations(3, 50)],
), open(pathlib.Path(__file__).with_name("surrogate.json"), "w"), separators=(",", ":"))
