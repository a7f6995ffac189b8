#!/usr/bin/env python3
"""What cascades of a zoo do, computed a second time.

    oracle.py ZOO RESULT...           judge every row of results
    oracle.py ZOO --split S --cost C  judge nothing: evaluate the cascades of standard input,
                                      one a line, and print correct answers, reach and cost

A RESULT is a run folder, a front.json, or what `encas-zoo evaluate --json` wrote. Of each of
its rows everything that follows from the stored outputs is computed again: the answers, the
samples that reach each stage, mean and worst cost, the front.csv beside it, the models on
their own, results together with unlabelled samples, and the fingerprint of the samples. Of an
exact search with a proof all chains are tried, too (keep such zoos small). The first line of
a difference says where it is; the exit status is 1 if there is one.

This was written from docs/formats.md and docs/concepts.md and knows nothing of the program:
where the two differ, one of them or these pages are wrong. So it is as plain as possible.
Outputs are integers in units of 2^-24, thresholds and costs fractions, and nothing is rounded
except where the documents say so. pyarrow reads files, and does no arithmetic. It needs
seconds for what the program does in microseconds.
"""

import argparse
import csv
import decimal
import hashlib
import itertools
import json
import math
import os
import re
import struct
import sys
from fractions import Fraction

import pyarrow.parquet

ONE = 1 << 24  # the probability 1
ROUNDING = Fraction(1, 2**52)  # of one operation on float64, relative


def fixed(half):
    """The value of float16 bits, in units of 2^-24."""
    exponent, mantissa = half >> 10, half & 1023
    return mantissa if exponent == 0 else (1024 + mantissa) << (exponent - 1)


def float32(text):
    """The float32 nearest to a decimal number, the even one of two, as a fraction."""
    exact = Fraction(text)
    bits = struct.unpack("<I", struct.pack("<f", float(exact)))[0]
    near = [b for b in (bits - 1, bits, bits + 1) if b >= 0]
    value = lambda b: Fraction(struct.unpack("<f", struct.pack("<I", b))[0])
    return value(min(near, key=lambda b: (abs(value(b) - exact), b & 1)))


def float64(text):
    """A number of a file, which is a float64, as a fraction."""
    return Fraction(float(text))


def read_json(path):
    with sys.stdin if path == "-" else open(path, encoding="utf-8") as f:
        return json.load(f, parse_float=str, parse_int=str)


# The text of cascades.

ESCAPES = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92, "'": 39, '"': 34}


def unquote(text):
    """The name that a quoted Go string at the front of text holds, and what follows it."""
    name, i = bytearray(), 1
    while text[i] != '"':
        if text[i] != "\\":
            name += text[i].encode()
            i += 1
        elif text[i + 1] in ESCAPES:
            name.append(ESCAPES[text[i + 1]])
            i += 2
        elif text[i + 1] in "xuU":
            digits = {"x": 2, "u": 4, "U": 8}[text[i + 1]]
            number = int(text[i + 2 : i + 2 + digits], 16)
            name += bytes([number]) if digits == 2 else chr(number).encode()
            i += 2 + digits
        else:
            name.append(int(text[i + 1 : i + 4], 8))
            i += 4
    return name.decode(), text[i + 1 :]


def split_name(text, end):
    """The name at the front of text, which ends where end matches, and what follows it."""
    if text.startswith('"'):
        return unquote(text)
    found = re.search(end, text)
    at = found.start() if found else len(text)
    return text[:at], text[at:]


def prefixes(text):
    rule, confidence = "mean", "max"
    for name in ("margin", "entropy"):
        if text.startswith(name + ":"):
            confidence, text = name, text[len(name) + 1 :]
            break
    for name in ("last", "vote"):
        if text.startswith(name + ":"):
            rule, text = name, text[len(name) + 1 :]
            break
    return rule, confidence, text


class Cascade:
    """A rule, a confidence, and stages of a model, a weight and a threshold; the last has None."""

    def __init__(self, text):
        self.rule, self.confidence, text = prefixes(text)
        self.stages = []
        while True:
            name, text = split_name(text, "[,@*]")
            part, more, text = text.partition(",")
            weight, _, threshold = part.partition("@")
            self.stages.append((name, int(weight[1:] or 1), float32(threshold) if more else None))
            if not more:
                break


class Zoo:
    """The files of a zoo folder, each read when it is first needed."""

    def __init__(self, folder):
        self.folder = folder
        head = read_json(os.path.join(folder, "zoo.json"))
        self.classes, self.splits = int(head["classes"]), head["splits"]
        self.models = {}
        for file in os.listdir(os.path.join(folder, "models")):
            if file.endswith(".json"):
                model = read_json(os.path.join(folder, "models", file))
                self.models[model["name"]] = model | {"slug": file[: -len(".json")]}
        self.rows, self.sums, self.labelled = {}, {}, {}

    def labels(self, split):
        """The labels and ids of a split; without labels every answer is wrong."""
        if split not in self.labelled:
            table = pyarrow.parquet.read_table(os.path.join(self.folder, "splits", split + ".parquet"))
            ids = table["id"].to_pylist()
            labels = table["label"].to_pylist() if "label" in table.column_names else [None] * len(ids)
            self.labelled[split] = labels, ids
        return self.labelled[split]

    def fingerprint(self, split):
        labels, ids = self.labels(split)
        h = hashlib.sha256(struct.pack("<Q", len(labels)))
        for label in labels:
            h.update(struct.pack("<H", label))
        for i in ids:
            h.update(struct.pack("<Q", len(i.encode())) + i.encode())
        return h.hexdigest()

    def cost(self, model, column):
        return float64(self.models[model]["columns"][column].strip())

    def outputs(self, model, split):
        """The outputs of a model, in units: a list of rows."""
        key = model, split
        if key not in self.rows:
            m = self.models[model]
            name = m["slug"] + (".2" if m["splits"][split].get("second") else "") + ".parquet"
            table = pyarrow.parquet.read_table(os.path.join(self.folder, "archive", split, name))
            if "probs" in table.column_names:
                unpack = struct.Struct(f"<{self.classes}H").unpack
                rows = [[fixed(v) for v in unpack(row)] for row in table["probs"].to_pylist()]
            else:
                rows = []
                for label, confidence in zip(table["label"].to_pylist(), table["confidence"].to_pylist()):
                    row = [0] * self.classes
                    row[label] = fixed(struct.unpack("<H", confidence)[0])
                    rows.append(row)
            self.rows[key] = rows
        return self.rows[key]

    def stage(self, split, rule, confidence, members):
        """What a stage gives to every sample: its answers, and its confidences as fractions."""
        members = [(members[-1][0], 1)] if rule == "last" else members
        key = split, rule, confidence, tuple(sorted(members))
        if key not in self.sums:
            weight = sum(w for _, w in members)
            answers, confidences = [], []
            for rows in zip(*(self.outputs(m, split) for m, _ in members)):
                if rule == "vote":
                    rows = [[ONE if c == answer(row) else 0 for c in range(len(row))] for row in rows]
                sums = [sum(w * row[c] for row, (_, w) in zip(rows, members)) for c in range(self.classes)]
                answers.append(answer(sums))
                confidences.append(measure(confidence, sums, weight))
            self.sums[key] = answers, confidences
        return self.sums[key]

    def evaluate(self, cascade, split):
        """The number of correct answers, and the samples that reach each stage."""
        labels, _ = self.labels(split)
        left, correct, reach, members = range(len(labels)), 0, [], []
        for model, weight, threshold in cascade.stages:
            reach.append(len(left))
            members.append((model, weight))
            answers, confidences = self.stage(split, cascade.rule, cascade.confidence, members)
            exits = [i for i in left if threshold is None or confidences[i] > threshold]
            correct += sum(answers[i] == labels[i] for i in exits)
            gone = set(exits)
            left = [i for i in left if i not in gone]
        return correct, reach

    def costs(self, cascade, column):
        return [self.cost(model, column) for model, _, _ in cascade.stages]


def answer(sums):
    """The class of the largest sum, the lowest on a tie."""
    return sums.index(max(sums))


def measure(confidence, sums, weight):
    """The confidence of sums of a total weight, as a fraction."""
    if confidence == "entropy":
        return entropy(tuple(sums))
    first, second = sorted(sums, reverse=True)[:2]
    return Fraction(first - (second if confidence == "margin" else 0), weight * ONE)


def entropy(sums, known={}):
    """1 - H/ln C of sums divided by their total, rounded down to a multiple of 2^-24."""
    key = tuple(sorted(sums))
    if key not in known:
        with decimal.localcontext(decimal.Context(prec=30)):
            total = decimal.Decimal(sum(sums))
            shares = [s / total for s in map(decimal.Decimal, sums) if s]
            h = -sum(p * p.ln() for p in shares) / decimal.Decimal(len(sums)).ln()
            # The last digits of logarithms are rounded: 1 must not become 0.999.
            known[key] = Fraction(max(0, math.floor((1 - h) * ONE + decimal.Decimal("1e-20"))), ONE)
    return known[key]


class Judge:
    """Collects differences."""

    def __init__(self, zoo):
        self.zoo, self.where, self.differences, self.rows = zoo, "", [], 0

    def same(self, what, theirs, ours):
        if theirs != ours:
            self.differences.append(f"{self.where}: {what} is {theirs!r} instead of {ours!r}")

    def near(self, what, theirs, ours, operations):
        """theirs was computed with so many roundings of float64 from the same numbers."""
        if abs(float64(theirs) - ours) > operations * ROUNDING * ours:
            self.differences.append(f"{self.where}: {what} is {theirs} instead of {float(ours)!r}")

    def result(self, path):
        folder = path if os.path.isdir(path) else os.path.dirname(path)
        path = os.path.join(path, "front.json") if os.path.isdir(path) else path
        result, zoo = read_json(path), self.zoo
        split, column = result["split"]["name"], result["cost"]
        self.where = path
        self.same("the number of samples", int(result["split"]["samples"]), len(zoo.labels(split)[0]))
        if not result["split"].get("unlabelled"):
            self.same("the fingerprint of the split", result["split"]["fingerprint"], zoo.fingerprint(split))
        for model in result.get("models", []):
            self.where = f"{path}: model {model['name']}"
            alone = Cascade("")
            alone.stages = [(model["name"], 1, None)]
            self.same("cost", float64(model["cost"]), zoo.cost(model["name"], column))
            self.same("correct", int(model["correct"]), zoo.evaluate(alone, split)[0])
        before = None
        for number, row in enumerate(result["cascades"]):
            self.where = f"{path}: cascade {number}, {row['cascade']}"
            self.row(row, split, column, result.get("unlabelled", {}).get("name"))
            now = float64(row["cost"]), int(row.get("correct", 0))
            if "models" in result and before:
                self.same("in ascending order of cost", now[0] >= before[0], True)
                if not result.get("selection", {}).get("evidence"):
                    self.same("more accurate than the cheaper one", now[1] > before[1], True)
            before = now
        self.where = path
        table = os.path.join(folder, "front.csv")
        if "models" in result and os.path.exists(table):
            self.table(table, result)
        if result.get("proof") and result["algorithm"] == "exact":
            self.proof(path, result, read_json(os.path.join(folder, "run.json"))["options"])

    def row(self, row, split, column, unlabelled):
        self.rows += 1
        cascade, zoo = Cascade(row["cascade"]), self.zoo
        correct, reach = zoo.evaluate(cascade, split)
        costs, n = zoo.costs(cascade, column), reach[0]
        self.same("rule", row["rule"], cascade.rule)
        self.same("confidence", row["confidence"], cascade.confidence)
        self.same("n", int(row["n"]), n)
        if "correct" in row:
            self.same("correct", int(row["correct"]), correct)
            self.same("accuracy", float(row["accuracy"]), correct / n)
        stages = row["stages"]
        self.same("stages", [(s["model"], int(s["weight"]), float32(s["threshold"]) if "threshold" in s else None) for s in stages], cascade.stages)
        self.same("reach", [int(s["reach"]) for s in stages], reach)
        self.same("the stages' cost", [float64(s["cost"]) for s in stages], costs)
        self.near("cost", row["cost"], mean_cost(costs, reach), len(costs) + 2)
        self.near("worst_cost", row["worst_cost"], sum(costs), len(costs))
        if "bound" in row:
            self.same("the bound is above", int(row["bound"]) >= correct, True)
        if "with_unlabelled" in row:
            both = row["with_unlabelled"]
            reach = [a + b for a, b in zip(reach, zoo.evaluate(cascade, unlabelled)[1])]
            self.same("n with unlabelled samples", int(both["n"]), reach[0])
            self.same("reach with unlabelled samples", [int(r) for r in both["reach"]], reach)
            self.near("cost with unlabelled samples", both["cost"], mean_cost(costs, reach), len(costs) + 2)

    def table(self, path, result):
        """The rows of front.csv are those of front.json."""
        with open(path, newline="", encoding="utf-8") as f:
            header, *lines = csv.reader(f)
        column = result["cost"]
        self.same("the header of front.csv", header[:7], ["correct", "n", "accuracy", column, "worst_" + column, "models", "thresholds"])
        self.same("the length of front.csv", len(lines), len(result["cascades"]))
        for number, (line, row) in enumerate(zip(lines, result["cascades"])):
            self.where = f"{path}: row {number}"
            for place, name in enumerate(["correct", "n", "accuracy", "cost", "worst_cost"]):
                self.same(name, float64(line[place]), float64(row[name]))
            rule, confidence, text = prefixes(line[5])
            self.same("rule", rule, row["rule"])
            self.same("confidence", confidence, row["confidence"])
            members = []
            while True:
                name, text = split_name(text, "[;*]")
                weight, more, text = text.partition(";")
                members.append((name, int(weight[1:] or 1)))
                if not more:
                    break
            self.same("models", members, [(s["model"], int(s["weight"])) for s in row["stages"]])
            thresholds = [float32(t) for t in line[6].split(";") if t]
            self.same("thresholds", thresholds, [float32(s["threshold"]) for s in row["stages"][:-1]])

    def proof(self, path, result, options):
        """The front is that of all chains."""
        longest, split, column = int(options["max_models"]) or 2, result["split"]["name"], result["cost"]
        grid = [float32(t) for t in result["grid"]]
        points = set()
        for rule in options["rule"].split(","):
            for length in range(1, longest + 1):
                for chain in itertools.permutations([m["name"] for m in result["models"]], length):
                    for thresholds in itertools.product(grid, repeat=length - 1):
                        c = Cascade("")
                        c.rule, c.confidence = rule, options["confidence"]
                        c.stages = list(zip(chain, [1] * length, [*thresholds, None]))
                        correct, reach = self.zoo.evaluate(c, split)
                        points.add((mean_cost(self.zoo.costs(c, column), reach), -correct))
        front, most = [], -1
        for cost, correct in sorted(points):
            if -correct > most:
                most = -correct
                front.append((most, float(cost)))
        self.where = path
        theirs = [(int(row["correct"]), float(row["cost"])) for row in result["cascades"]]
        self.same("the front's correct answers", [c for c, _ in theirs], [c for c, _ in front])
        for (_, theirs), (correct, ours) in zip(theirs, front):
            self.near(f"the least cost of {correct} correct answers", theirs, float64(ours), longest + 3)


def mean_cost(costs, reach):
    return sum(c * r for c, r in zip(costs, reach)) / reach[0]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("zoo")
    p.add_argument("results", nargs="*")
    p.add_argument("--split")
    p.add_argument("--cost", default="gflops")
    o = p.parse_args()
    zoo = Zoo(o.zoo)
    if o.split:
        for line in sys.stdin:
            cascade = Cascade(line.rstrip("\n"))
            correct, reach = zoo.evaluate(cascade, o.split)
            print(correct, ",".join(map(str, reach)), float(mean_cost(zoo.costs(cascade, o.cost), reach)))
        return 0
    judge = Judge(zoo)
    for path in o.results:
        judge.result(path)
    print(*judge.differences, f"{judge.rows} rows, {len(judge.differences)} differences", sep="\n")
    return 1 if judge.differences else 0


if __name__ == "__main__":
    sys.exit(main())
