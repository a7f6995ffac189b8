"""Records what pymoo 0.4.2.2's NSGA-III survival does, in nsga3.json beside this file.

Run it with a Python that has pymoo==0.4.2.2 (its sdist runs uncompiled on Python 3.11) and
numpy==1.23.5. What is random there, permutations, is recorded with the results."""

import json
import pathlib

import numpy as np
from pymoo.algorithms import nsga3
from pymoo.configuration import Configuration
from pymoo.factory import get_reference_directions
from pymoo.model.population import Population

Configuration.show_compile_hint = False
rng = np.random.default_rng(1)
draws = []


def permutation(n):
    draws.append(rng.permutation(n).tolist())
    return np.array(draws[-1], dtype=int)


def shuffle(a):
    a[:] = a[permutation(len(a))]


np.random.permutation, np.random.shuffle = permutation, shuffle


def generations(name, directions, populations, survivors):
    """What becomes of several populations in turn, with one memory of the extremes."""
    survival = nsga3.ReferenceDirectionSurvival(np.array(directions))
    steps = []
    for F in populations:
        F = np.round(np.array(F, dtype=float), 6)
        pop = Population(len(F)).set("F", F)
        pop.set("X", np.arange(len(F))[:, None])
        draws.clear()
        left = survival._do(None, pop, survivors)
        steps.append(dict(points=F.tolist(), survivors=left.get("X")[:, 0].tolist(), rank=left.get("rank").tolist(), niche=left.get("niche").tolist(),
                          distance=left.get("dist_to_niche").tolist(), ideal=survival.ideal_point.tolist(), nadir=survival.nadir_point.tolist(), draws=list(draws)))
    return dict(name=name, directions=np.array(directions).tolist(), n=survivors, generations=steps)


def front(n, noise):
    cost = rng.uniform(90, 770, n)
    return np.stack([18 + 4000 / cost + noise * rng.exponential(1, n), cost], 1)


das_dennis = get_reference_directions("das-dennis", 2, n_partitions=29)
riesz = get_reference_directions("energy", 2, 30, seed=1)
cases = [
    generations("error and cost", das_dennis, [front(n, 2) for n in (150, 80, 60)], 30),
    generations("Riesz directions", riesz, [front(100, 3), front(90, 1)], 30),
    generations("one front", das_dennis, [front(80, 0)], 30),
    generations("more directions than points", get_reference_directions("das-dennis", 2, n_partitions=99), [front(40, 1)], 15),
    generations("as many as there are", das_dennis, [front(30, 1)], 30),
    generations("ties", das_dennis, [rng.integers(0, 4, (60, 2)), rng.integers(0, 3, (50, 2))], 20),
    generations("one objective is constant", das_dennis, [np.stack([np.full(40, 7.0), rng.uniform(1, 2, 40)], 1)], 10),
    generations("all equal", das_dennis, [np.ones((20, 2))], 5),
    generations("small differences", das_dennis, [front(50, 2) * 1e-5], 10),
]
json.dump(cases, open(pathlib.Path(__file__).with_name("nsga3.json"), "w"), separators=(",", ":"))
