#!/usr/bin/env python3
"""Writes what real libraries write, for the importer's tests: layouts.py DIR.

Makes a folder for each case in DIR, and DIR/cases.json, which says how it is imported
and what must be in the zoo then, or what the refusal says. Cases that need a library
that is not there are left out.

The values are multiples of 1/256, which every float type holds exactly, and the
samples have names, so that a wrong row, column or class shows.
"""

import importlib
import json
import pathlib
import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

OUT = pathlib.Path(sys.argv[1])
N, C = 40, 12
RNG = np.random.default_rng(3)
NAMES = ["ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen", "ibex", "jay", "koi", "lynx"]
cases = []


def outputs(n=N, c=C):
    """Rows of multiples of 1/256 that sum to exactly 1."""
    cuts = np.sort(RNG.integers(0, 257, (n, c - 1)), axis=1)
    ends = np.hstack([np.zeros((n, 1), int), cuts, np.full((n, 1), 256)])
    return np.diff(ends, axis=1) / 256


PROBS = outputs()
LABELS = RNG.integers(0, C, N)
LABELS[0] = C - 1
IDS = np.array([f"img_{i:03d}.jpg" for i in RNG.permutation(N)])
ORDER = RNG.permutation(N)  # of the second model's rows


CASES = 5000 + 7 * RNG.permutation(N)  # numbers of samples
DATES = [str(t.date()) for t in pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(N), "D")]
TIMES = pd.Timestamp("2026-01-01 09:30") + pd.to_timedelta(np.arange(N), "h")


def case(name, fmt, write, ids=IDS, probs=PROBS, labels=LABELS, options=None, error=None, note=None, path="", answers=None, tolerance=0, names=None):
    """write makes the files of the models a and, in another order, b."""
    folder = OUT / name.replace(" ", "_")
    folder.mkdir()
    (folder / "models.csv").write_text("name,gflops\na,1\nb,2\n")
    write(folder)
    options = dict(options or {})
    if names is not None:
        options["ClassNames"] = list(names)
    cases.append({
        "Name": name, "Format": fmt, "Path": str(folder / path), "Options": options,
        "IDs": None if ids is None else [str(i) for i in ids],
        "Labels": np.asarray(labels).astype(int).tolist(), "Probs": np.asarray(probs).tolist(),
        "Answers": answers, "Error": error, "Note": note, "Tolerance": tolerance,
    })


def both(make, save):
    """Both models' tables: make(rows) and save(table, path)."""
    def write(folder):
        save(make(np.arange(N)), folder, "a")
        save(make(ORDER), folder, "b")
    return write


def to_parquet(**kwargs):
    return lambda t, d, m: t.to_parquet(d / f"{m}.parquet", **kwargs)


def lists(o, dtype="float32"):
    return list(PROBS[o].astype(dtype))


def wide(o, names=None, dtype="float32", order=None):
    names = names or [f"class_{k}" for k in range(C)]
    order = sorted(names) if order is None else order
    return {n: PROBS[o][:, names.index(n)].astype(dtype) for n in order}


# pandas
for engine in ("pyarrow",):
    case("pandas index named", "parquet", both(lambda o: pd.DataFrame({"label": LABELS[o], "probs": lists(o)}, index=pd.Index(IDS[o], name="filename")), to_parquet()), note='"filename"')
    case("pandas index unnamed", "parquet", both(lambda o: pd.DataFrame({"label": LABELS[o], "probs": lists(o)}, index=IDS[o]), to_parquet()), note='"__index_level_0__"')
    case("pandas index of an odd name", "parquet", both(lambda o: pd.DataFrame({"label": LABELS[o], "probs": lists(o)}, index=pd.Index(IDS[o], name="bild")), to_parquet()), note='"bild"')
    case("pandas index of two levels", "parquet", both(lambda o: pd.DataFrame({"label": LABELS[o], "probs": lists(o)}, index=[np.array(NAMES)[LABELS[o]], IDS[o]]), to_parquet()), note="__index_level_1__")
    case("pandas ids of floats", "parquet", both(lambda o: pd.DataFrame({"id": o.astype("float64") if o[0] else o, "label": LABELS[o], "probs": lists(o)}), to_parquet()), ids=range(N))
    case("pandas ids of dates", "parquet", both(lambda o: pd.DataFrame({"id": pd.Timestamp("2026-01-01") + pd.to_timedelta(o, "D"), "label": LABELS[o], "probs": lists(o)}), to_parquet()), ids=DATES)
    case("pandas no index", "parquet", both(lambda o: pd.DataFrame({"id": IDS[o], "label": LABELS[o], "probs": lists(o)}), to_parquet(index=False)))
    case("pandas path column", "parquet", both(lambda o: pd.DataFrame({"Path": IDS[o], "label": LABELS[o], "probs": lists(o)}), to_parquet()), note='"Path"')
    case("pandas unknown text column", "parquet", both(lambda o: pd.DataFrame({"probs": lists(o), "label": LABELS[o], "url": IDS[o]}), to_parquet()), note='"url"')
    case("pandas shuffled row numbers", "parquet", lambda d: (
        pd.DataFrame({"label": LABELS, "probs": lists(np.arange(N))}).to_parquet(d / "a.parquet"),
        pd.DataFrame({"label": LABELS, "probs": lists(np.arange(N))}).iloc[ORDER].to_parquet(d / "b.parquet")), ids=ORDER, labels=LABELS[ORDER], probs=PROBS[ORDER], note="__index_level_0__")
    case("pandas row numbers twice", "parquet", both(lambda o: pd.DataFrame({"label": LABELS[o], "probs": lists(o)}, index=np.arange(N) % 20), to_parquet()), error="reset_index")
    for dtype in ("float16", "float32", "float64"):
        case(f"pandas wide {dtype}", "parquet", both(lambda o: pd.DataFrame(wide(o, dtype=dtype) | {"id": IDS[o], "label": LABELS[o]}), to_parquet()))
        case(f"pandas list {dtype}", "parquet", both(lambda o: pd.DataFrame({"id": IDS[o], "label": LABELS[o], "probs": lists(o, dtype)}), to_parquet()))
    case("pandas columns 0 to 11", "parquet", both(lambda o: pd.DataFrame(wide(o, [str(k) for k in range(C)]) | {"id": IDS[o], "label": LABELS[o]}), to_parquet()))
    case("pandas columns named", "parquet", both(lambda o: pd.DataFrame(wide(o, NAMES, order=NAMES[::-1]) | {"id": IDS[o], "label": np.array(NAMES)[LABELS[o]], "latency": 0.5}), to_parquet()), names=NAMES)
    case("pandas columns named, a subset", "parquet", both(lambda o: pd.DataFrame(wide(o, NAMES, order=NAMES[3:]) | {"id": IDS[o], "label": LABELS[o], "wolf": 0.5}), to_parquet()), names=NAMES, error="ant, bee, cat are missing; the columns wolf are no classes")
    case("pandas categorical", "parquet", both(lambda o: pd.DataFrame({"file": pd.Categorical(IDS[o]), "label": pd.Categorical(np.array(NAMES)[LABELS[o]]), "probs": lists(o)}), to_parquet()), names=NAMES, note='"file"')
    case("pandas string dtype", "parquet", both(lambda o: pd.DataFrame({"id": pd.Series(IDS[o], dtype="string"), "label": pd.Series(LABELS[o], dtype="Int64"), "probs": lists(o)}), to_parquet()))
    case("pandas null probability", "parquet", both(lambda o: pd.DataFrame({k: np.where(np.arange(N) == 7, np.nan, v) for k, v in wide(o, dtype="float64").items()} | {"id": IDS[o], "label": LABELS[o]}), to_parquet()), error="row 7")
    case("pandas ids twice", "parquet", both(lambda o: pd.DataFrame({"id": np.where(IDS[o] == "img_001.jpg", "img_002.jpg", IDS[o]), "label": LABELS[o], "probs": lists(o)}), to_parquet()), error='the id "img_002.jpg" in the column "id" is that of row')
    case("pandas fewer samples", "parquet", lambda d: (
        pd.DataFrame({"id": IDS, "label": LABELS, "probs": lists(np.arange(N))}).to_parquet(d / "a.parquet"),
        pd.DataFrame({"id": IDS[ORDER], "label": LABELS[ORDER], "probs": lists(ORDER)})[:-2].to_parquet(d / "b.parquet")), error="has 38 samples")
    some = np.array([i for i in range(N) if i not in ORDER[-2:]])
    case("pandas fewer samples, inner", "parquet", lambda d: (
        pd.DataFrame({"id": IDS, "label": LABELS, "probs": lists(np.arange(N))}).to_parquet(d / "a.parquet"),
        pd.DataFrame({"id": IDS[ORDER], "label": LABELS[ORDER], "probs": lists(ORDER)})[:-2].to_parquet(d / "b.parquet")),
        ids=IDS[some], labels=LABELS[some], probs=PROBS[some], options={"Inner": True}, note="38 samples are in all files")
    case("pandas Label beside label", "parquet", both(lambda o: pd.DataFrame({"id": IDS[o], "Label": LABELS[o], "label": LABELS[o], "probs": lists(o)}), to_parquet()), error='"Label" and "label"')
    case("pandas csv wide", "csv", both(lambda o: pd.DataFrame(wide(o, [str(k) for k in range(C)], "float64") | {"label": LABELS[o]}, index=IDS[o]), lambda t, d, m: t.to_csv(d / f"{m}.csv")), note="without a heading")
    case("pandas csv named", "csv", both(lambda o: pd.DataFrame(wide(o, NAMES, "float64", NAMES[::-1]) | {"image": IDS[o], "label": np.array(NAMES)[LABELS[o]]}), lambda t, d, m: t.to_csv(d / f"{m}.csv", index=False)), names=NAMES, note='"image"')
    case("pandas csv answers by name", "csv", both(lambda o: pd.DataFrame({"image": IDS[o], "label": np.array(NAMES)[LABELS[o]], "prediction": np.array(NAMES)[PROBS[o].argmax(1)], "confidence": PROBS[o].max(1)}), lambda t, d, m: t.to_csv(d / f"{m}.csv", index=False)), names=NAMES, answers=PROBS.argmax(1).tolist())
    case("pandas csv answers of no class", "csv", both(lambda o: pd.DataFrame({"image": IDS[o], "label": np.array(NAMES)[LABELS[o]], "prediction": np.where(PROBS[o].argmax(1) == 3, "wolf", np.array(NAMES)[PROBS[o].argmax(1)])}), lambda t, d, m: t.to_csv(d / f"{m}.csv", index=False)), names=NAMES, error='"wolf"')

    case("pandas other columns", "parquet", both(lambda o: pd.DataFrame({"image": [b"\xff" + bytes([i]) for i in o], "caption": [None, *IDS[o][1:]], "label": LABELS[o], "probs": lists(o), "taken": IDS[o]}), to_parquet()), note='"taken"')
    case("pandas csv other columns", "csv", both(lambda o: pd.DataFrame({"caption": [None, *IDS[o][1:]], "label": LABELS[o], "split": "val", "name": np.array(NAMES)[LABELS[o]], "taken": IDS[o]} | wide(o)), lambda t, d, m: t.to_csv(d / f"{m}.csv", index=False)), note='"taken"')

    # One table for all models.
    def long(d, file, save):
        t = pd.concat([pd.DataFrame({"model": m, "id": IDS[o], "label": LABELS[o]} | wide(o)) for m, o in (("a", np.arange(N)), ("b", ORDER))])
        save(t.sample(frac=1, random_state=1).sort_values("id", kind="stable"), d / file)
    case("long table", "parquet", lambda d: long(d, "outputs.parquet", lambda t, p: t.to_parquet(p, index=False)), path="outputs.parquet", ids=sorted(IDS), labels=LABELS[np.argsort(IDS)], probs=PROBS[np.argsort(IDS)])
    case("long table in a folder", "csv", lambda d: long(d, "all.csv", lambda t, p: t.to_csv(p, index=False)), ids=sorted(IDS), labels=LABELS[np.argsort(IDS)], probs=PROBS[np.argsort(IDS)])
    case("wide table of lists", "parquet", lambda d: pd.DataFrame({"id": IDS, "label": LABELS, "a": lists(np.arange(N)), "b": lists(np.arange(N))}).to_parquet(d / "outputs.parquet"), path="outputs.parquet")
    case("wide table of columns", "parquet", lambda d: pd.DataFrame({"id": IDS, "label": LABELS} | wide(np.arange(N), [f"a_{k}" for k in range(C)]) | wide(np.arange(N), [f"b_{k}" for k in range(C)])).to_parquet(d / "outputs.parquet"), path="outputs.parquet")

# Samples are found by what the files share, whatever it is called, in all formats alike.
def to_arrow(t, d, m):
    t = pa.Table.from_pandas(t)
    with pa.ipc.new_stream(d / f"{m}.arrow", t.schema) as out:
        out.write_table(t)


def beside_labels(label_columns, model_columns, save, index=None):
    """labels, and the models a and b in other orders."""
    def write(folder):
        for m, o in (("labels", np.arange(N)), ("a", ORDER), ("b", ORDER[::-1])):
            t = pd.DataFrame(label_columns(o) | {"label": LABELS[o]} if m == "labels" else model_columns(o) | wide(o, dtype="float64"))
            save(t if index is None else t.set_index(index), folder, m)
    return write


def numbered(o):
    return {"case_no": CASES[o]}


for fmt, save in (("parquet", to_parquet()), ("arrow", to_arrow), ("csv", lambda t, d, m: t.to_csv(d / f"{m}.csv"))):
    case(f"{fmt} ids under any name", fmt, beside_labels(numbered, numbered, save), ids=CASES, note='joined by the column "case_no"')
    case(f"{fmt} ids under any name, in an index", fmt, beside_labels(numbered, numbered, save, "case_no"), ids=CASES, note='joined by the column "case_no"')
    case(f"{fmt} ids under any name, in models", fmt, both(lambda o: pd.DataFrame(numbered(o) | {"label": LABELS[o]} | wide(o, dtype="float64")), save), ids=CASES, note='joined by the column "case_no"')
    case(f"{fmt} ids beside others", fmt, beside_labels(lambda o: {"Case": IDS[o], "ward": o % 3, "page": np.arange(N)}, lambda o: {"case": IDS[o], "ward": o % 3, "page": np.arange(N), "seen": 17 * np.arange(N)}, save), note='"case"')
    case(f"{fmt} ids of times", fmt, beside_labels(lambda o: {"taken": TIMES[o]}, lambda o: {"taken": TIMES[o]}, save), ids=[str(t) for t in TIMES], note='joined by the column "taken"')
    case(f"{fmt} index of times", fmt, both(lambda o: pd.DataFrame({"label": LABELS[o]} | wide(o, dtype="float64"), index=TIMES[o]), save), ids=[str(t) for t in TIMES])
    case(f"{fmt} ids of dates", fmt, beside_labels(lambda o: {"id": pd.to_datetime(np.array(DATES)[o])}, lambda o: {"id": pd.to_datetime(np.array(DATES)[o])}, save), ids=DATES)
    case(f"{fmt} no ids but times of asking", fmt, lambda d, save=save: [save(pd.DataFrame({"asked": TIMES + pd.to_timedelta(k, "s"), "label": LABELS} | wide(np.arange(N), dtype="float64")), d, m) for k, m in enumerate("ab")], ids=None, note='the column "asked" is not used')
    case(f"{fmt} ids that are there twice", fmt, lambda d, save=save: [save(pd.DataFrame({"case_no": np.where(CASES == CASES[k], CASES[0], CASES), "label": LABELS} | wide(np.arange(N), dtype="float64")), d, m) for k, m in enumerate("ab")], ids=None, note='the column "case_no" is not used to find samples: its values are not unique in')
    case(f"{fmt} rows numbered anew", fmt, both(lambda o: pd.DataFrame({"id": np.arange(N)} | numbered(o) | {"label": LABELS[o]} | wide(o, dtype="float64")), save), ids=CASES, note='"case_no"')
    case(f"{fmt} ids of which one is missing", fmt, lambda d, save=save: [save(pd.DataFrame(numbered(o) | {"label": LABELS[o]} | wide(o, dtype="float64")), d, m) for m, o in (("a", np.arange(N)), ("b", ORDER[1:]))], error='(by the column "case_no"): it lacks 1')
    case(f"{fmt} ids of other samples", fmt, beside_labels(lambda o: {"id": o}, lambda o: {"id": CASES[o]}, save), error="no sample is in all files")


# What is missing, or there under another name.
def pair(columns, labels=None):
    """The models a and b, and labels if there are any."""
    def write(folder, save):
        for m, o in (("a", np.arange(N)), ("b", ORDER)):
            save(pd.DataFrame({"id": IDS[o]} | columns(o)), folder, m)
        if labels is not None:
            save(pd.DataFrame({"id": IDS} | labels), folder, "labels")
    return write


signed = lambda o: {f"p{k}": [f"{100 * v}%" for v in PROBS[o][:, k]] for k in range(C)}
comma = lambda o: {n: [str(float(v)).replace(".", ",") for v in PROBS[o][:, k]] for k, n in enumerate(NAMES)}
for fmt, save in (("parquet", to_parquet(index=False)), ("arrow", to_arrow), ("csv", lambda t, d, m: t.to_csv(d / f"{m}.csv", index=False))):
    def missing(name, write, fmt=fmt, save=save, **kwargs):
        case(f"{fmt} {name}", fmt, lambda d: write(d, save), **kwargs)
    missing("truth under another name", pair(lambda o: {"y_true": LABELS[o]} | wide(o, dtype="float64")))
    missing("truth beside answers", pair(lambda o: {"y_true": LABELS[o], "y_pred": PROBS[o].argmax(1), "confidence": 0.5}), answers=PROBS.argmax(1).tolist())
    missing("truth nobody knows", pair(lambda o: {"diagnosis": LABELS[o]} | wide(o, dtype="float64")), error='has no column "label", but "id", "diagnosis": if one of these has the labels, call it label; or add labels.' + fmt)
    missing("no truth", pair(lambda o: wide(o, dtype="float64")), error=f"add labels.{fmt}, which is missing, with the columns id and label")
    missing("classes in a file of labels", pair(lambda o: wide(o, dtype="float64"), {"class": LABELS}))
    missing("percents with signs", pair(lambda o: signed(o) | {"label": LABELS[o]}), error="the columns p0, p1, p2, p3, p4 and 7 more hold texts such as")
    missing("percents with signs, labels apart", pair(signed, {"label": LABELS}), error="0.981")
    missing("decimal commas", pair(lambda o: comma(o) | {"label": LABELS[o]}), names=NAMES, error="the columns ant, bee, cat, dog, eel and 7 more hold texts such as")
    missing("lists as texts", pair(lambda o: {"probs": [str(p.tolist()) for p in PROBS[o]], "label": LABELS[o]}), error='the column "probs" holds lists that were written as texts, such as')
    missing("lists of NumPy as texts, beside answers", pair(lambda o: {"probs": [str(p) for p in PROBS[o]], "label": LABELS[o], "prediction": 1}), error='the column "probs" holds lists that were written as texts, such as')
for written in (lambda p: str([np.float64(v) for v in p]), lambda p: str(tuple(p.tolist())), lambda p: f"tensor({p.tolist()})", lambda p: json.dumps(dict(zip(NAMES, p.tolist())))):
    case(f"csv outputs written as {written(PROBS[0])[:8]}".replace("/", ""), "csv", lambda d: pair(lambda o: {"said": [written(p) for p in PROBS[o]], "label": LABELS[o]})(d, lambda t, d, m: t.to_csv(d / f"{m}.csv", index=False)), error='the column "said" holds lists that were written as texts')
case("csv answers beside boxes", "csv", lambda d: pair(lambda o: {"label": LABELS[o], "prediction": PROBS[o].argmax(1), "box": "[1, 2, 3, 4]"})(d, lambda t, d, m: t.to_csv(d / f"{m}.csv", index=False)), answers=PROBS.argmax(1).tolist())
case("csv columns named, names not known", "csv", lambda d: pair(lambda o: wide(o, NAMES, "float64", NAMES) | {"label": LABELS[o]})(d, lambda t, d, m: t.to_csv(d / f"{m}.csv", index=False)), error="name the classes with --class-names FILE")
case("csv no truth beside answers", "csv", lambda d: pair(lambda o: {"label": LABELS[o], "confidence": 0.5})(d, lambda t, d, m: t.to_csv(d / f"{m}.csv", index=False)), error='its column "label" is what the model answers, and labels.csv with the true labels is missing')
case("csv of models by no name", "csv", lambda d: pd.DataFrame({"id": IDS, "label": LABELS, "a_said": 1, "b_said": 2}).to_csv(d / "said.csv", index=False), path="said.csv", error="call the columns of each like the model (a_0, a_1, ... with its outputs, or a and a_confidence with its answers)")


# polars
def write(t, d, m):
    t.write_parquet(d / f"{m}.parquet")


case("polars list", "parquet", both(lambda o: pl.DataFrame({"id": IDS[o], "label": LABELS[o], "probs": PROBS[o].tolist()}), write))
case("polars array", "parquet", both(lambda o: pl.DataFrame({"filename": IDS[o], "label": LABELS[o], "probs": pl.Series(PROBS[o].tolist(), dtype=pl.Array(pl.Float32, C))}), write))
case("polars wide", "parquet", both(lambda o: pl.DataFrame(wide(o) | {"id": IDS[o], "label": LABELS[o]}), write))
case("polars categorical", "parquet", both(lambda o: pl.DataFrame({"image": IDS[o], "label": np.array(NAMES)[LABELS[o]], "probs": PROBS[o].tolist()}).with_columns(pl.col("image", "label").cast(pl.Categorical)), write), names=NAMES)
case("polars enum", "parquet", both(lambda o: pl.DataFrame({"image": IDS[o], "label": np.array(NAMES)[LABELS[o]], "probs": PROBS[o].tolist()}).with_columns(pl.col("label").cast(pl.Enum(NAMES))), write), names=NAMES)
case("polars small integers", "parquet", both(lambda o: pl.DataFrame({"id": IDS[o], "label": pl.Series(LABELS[o], dtype=pl.UInt8), "probs": PROBS[o].tolist()}), write))
case("polars csv", "csv", both(lambda o: pl.DataFrame(wide(o, dtype="float64") | {"id": IDS[o], "label": LABELS[o]}), lambda t, d, m: t.write_csv(d / f"{m}.csv")))
case("polars null label", "parquet", both(lambda o: pl.DataFrame({"id": IDS[o], "label": [None, *LABELS[o][1:].tolist()], "probs": PROBS[o].tolist()}), write), error='row 0, column "label"')


# pyarrow
def table(o, **columns):
    return pa.table({"id": pa.array(IDS[o]), "label": pa.array(LABELS[o]), "probs": pa.array(PROBS[o].tolist(), pa.list_(pa.float32()))} | columns)


def save(**kwargs):
    return lambda t, d, m: pq.write_table(t, d / f"{m}.parquet", **kwargs)


case("pyarrow dictionary", "parquet", both(lambda o: table(o, id=pa.array(IDS[o]).dictionary_encode()), save()))
case("pyarrow large string", "parquet", both(lambda o: table(o, id=pa.array(IDS[o], pa.large_string())), save()))
case("pyarrow string view", "parquet", both(lambda o: table(o, id=pa.array(IDS[o], pa.string_view())), save()))
case("pyarrow large list", "parquet", both(lambda o: table(o, probs=pa.array(PROBS[o].tolist(), pa.large_list(pa.float64()))), save()))
case("pyarrow fixed list", "parquet", both(lambda o: table(o, probs=pa.array(PROBS[o].tolist(), pa.list_(pa.float32(), C))), save()))
case("pyarrow half float", "parquet", both(lambda o: table(o, probs=pa.array([np.float16(r) for r in PROBS[o]], pa.list_(pa.float16()))), save()))
case("pyarrow small row groups", "parquet", both(table, save(row_group_size=7, data_page_version="2.0")))
case("pyarrow split bytes", "parquet", both(table, save(use_dictionary=False, column_encoding={"probs.list.element": "BYTE_STREAM_SPLIT"})))
case("pyarrow map", "parquet", both(lambda o: table(o, probs=pa.array([[(str(k), v) for k, v in enumerate(r)] for r in PROBS[o].tolist()], pa.map_(pa.string(), pa.float32()))), save()), error="maps")
case("pyarrow two columns of a name", "parquet", both(lambda o: table(o).append_column("label", pa.array(LABELS[o])), save()), error='two columns "label"')
case("pyarrow null list", "parquet", both(lambda o: table(o, probs=pa.array([None, *PROBS[o][1:].tolist()], pa.list_(pa.float32()))), save()), error="row 0")


def sharded(d):
    for m, o in (("a", np.arange(N)), ("b", ORDER)):
        for k in range(3):
            pq.write_table(table(o[k * 15:(k + 1) * 15]), d / f"{m}-{k:05d}-of-00003.parquet")


case("shards", "parquet", sharded)
case("shards, one missing", "parquet", lambda d: (sharded(d), (d / "b-00001-of-00003.parquet").unlink()), error="one of 3 files")


# NumPy
def npy(d, convert=lambda p: p, ids=True, **labels):
    np.save(d / "a.npy", convert(PROBS))
    np.save(d / "b.npy", convert(PROBS))
    np.save(d / "labels.npy", labels.get("labels", LABELS))
    if ids:
        np.save(d / "ids.npy", IDS)


case("numpy Fortran order", "npy", lambda d: npy(d, np.asfortranarray))
case("numpy transposed", "npy", lambda d: npy(d, lambda p: np.ascontiguousarray(p.T.astype("float16")).T))
case("numpy big-endian", "npy", lambda d: npy(d, lambda p: p.astype(">f4")))
case("numpy structured", "npy", lambda d: npy(d, lambda p: np.array([tuple(r) for r in p], dtype=[(n, "f4") for n in NAMES])), error='array["ant"]')
case("numpy objects", "npy", lambda d: npy(d, labels=np.array(NAMES, dtype=object)[LABELS]), error="astype('str')")
case("numpy labels by name", "npy", lambda d: npy(d, labels=np.array(NAMES)[LABELS]), names=NAMES)
case("numpy labels of no class", "npy", lambda d: npy(d, labels=np.array([*NAMES[:5], "wolf", *NAMES[6:]])[LABELS]), names=NAMES, error='"wolf"')
case("numpy labels float16", "npy", lambda d: npy(d, labels=LABELS.astype("float16")))
case("numpy percents", "npy", lambda d: npy(d, lambda p: 100 * p), note="percents", tolerance=1e-3)
ROUNDED = PROBS.round(3)
case("numpy rounded", "npy", lambda d: npy(d, lambda p: p.round(3)), probs=ROUNDED / ROUNDED.sum(1, keepdims=True), note="divided by their sums", tolerance=1e-3)
case("numpy logarithms", "npy", lambda d: npy(d, lambda p: np.log(np.maximum(p, 1e-30))), error="--activation log")
case("numpy logarithms, said", "npy", lambda d: npy(d, lambda p: np.log(np.maximum(p, 1e-30))), options={"Activation": "log"}, tolerance=1e-3)
case("numpy logarithms as logits", "npy", lambda d: npy(d, lambda p: np.log(np.maximum(p, 1e-30))), options={"Logits": True}, tolerance=1e-3)
case("numpy probabilities as logits", "npy", npy, options={"Logits": True}, error="leave out --logits")
case("numpy percents as logits", "npy", lambda d: npy(d, lambda p: 100 * p), options={"Logits": True}, error="leave out --logits")
LOGITS = RNG.normal(0, 3, (N, C))
SIGMOIDS = 1 / (1 + np.exp(-LOGITS))
DIVIDED = SIGMOIDS / SIGMOIDS.sum(1, keepdims=True)
case("numpy sigmoids", "npy", lambda d: npy(d, lambda p: SIGMOIDS), error="--activation sigmoid")
case("numpy sigmoids, said", "npy", lambda d: npy(d, lambda p: SIGMOIDS), probs=DIVIDED, options={"Activation": "sigmoid"}, tolerance=1e-3, note="divided by its sum")
case("numpy sigmoids as logits", "npy", lambda d: npy(d, lambda p: SIGMOIDS), options={"Logits": True}, error="--activation sigmoid")
case("numpy logits of sigmoids", "npy", lambda d: npy(d, lambda p: LOGITS), probs=DIVIDED, options={"Activation": "sigmoid"}, tolerance=1e-3)
case("numpy logits", "npy", lambda d: npy(d, lambda p: LOGITS), error="--logits")
SOFTMAX = np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)
case("numpy logits, said", "npy", lambda d: npy(d, lambda p: LOGITS), probs=SOFTMAX, options={"Logits": True}, tolerance=1e-3)
LOGS = np.log(np.where(PROBS > 0, PROBS, np.nan), where=PROBS > 0, out=np.full(PROBS.shape, -np.inf))
for dtype in ("float16", "float32", "float64"):
    case(f"numpy logarithms of 0 {dtype}", "npy", lambda d: npy(d, lambda p: LOGS.astype(dtype)), error="import with --activation log")
    case(f"numpy logarithms of 0 as logits {dtype}", "npy", lambda d: npy(d, lambda p: LOGS.astype(dtype)), options={"Logits": True}, error="import with --activation log")
    case(f"numpy logarithms of 0, said {dtype}", "npy", lambda d: npy(d, lambda p: LOGS.astype(dtype)), options={"Activation": "log"}, tolerance=2e-3)
    case(f"numpy answers as {dtype}", "npy", lambda d: npy(d, lambda p: p.argmax(1).astype(dtype)), error="array.astype('int64')")
case("numpy answers as floats beside outputs", "npy", lambda d: (npy(d), np.save(d / "b.npy", PROBS.argmax(1) * 1.0)), error="array.astype('int64')")
case("numpy answers as floats before outputs", "npy", lambda d: (npy(d), np.save(d / "a.npy", PROBS.argmax(1) * 1.0)), error="array.astype('int64')")
case("numpy labels of -1 and 1", "npy", lambda d: npy(d, labels=np.where(LABELS > 5, 1, -1)), error="(labels + 1) // 2")
case("csv confidences in percent", "csv", both(lambda o: pd.DataFrame({"id": IDS[o], "label": LABELS[o], "prediction": 1, "confidence": 99.9}), lambda t, d, m: t.to_csv(d / f"{m}.csv", index=False)), error="divide percents by 100")
case("numpy votes", "npy", lambda d: npy(d, lambda p: 256 * p), error="divide each row by its sum")
BINARY = np.array([[0.25, 0.75], [1, 0], [0.5, 0.5], [0.125, 0.875]])
for name, values, probs in (("one axis", BINARY[:, 1], BINARY), ("one column", BINARY[:, 1:], BINARY), ("bool", np.array([True, False, True, True]), np.array([[0, 1], [1, 0], [0, 1], [0, 1]]))):
    def binary(d):
        np.save(d / "a.npy", values)
        np.save(d / "b.npy", probs.astype("float32"))
        np.save(d / "labels.npy", np.array([True, False, False, True]))
    case(f"numpy two classes, {name}", "npy", binary, ids=None, labels=[1, 0, 0, 1], probs=probs)

for options in ({}, {"Logits": True}, {"Activation": "sigmoid"}, {"Activation": "log"}, {"Activation": "none"}):
    said = " ".join(map(str, options.values()))
    case(f"numpy percents rounded {said}", "npy", lambda d: npy(d, lambda p: np.round(100 * p)), options=options, error="array / array.sum(1, keepdims=True)")
    def one(d):
        np.save(d / "a.npy", 100 * BINARY[:, 1])
        np.save(d / "b.npy", 100 * BINARY[:, 1:])
        np.save(d / "labels.npy", [1, 0, 0, 1])
    case(f"numpy percents of class 1 {said}", "npy", one, options=options, error="divide them by 100 and save them again: array / 100")
case("numpy percents of each class", "npy", lambda d: npy(d, lambda p: 100 * SIGMOIDS), error="array / 100, and import with --activation sigmoid")
case("numpy percents but for a row", "npy", lambda d: npy(d, lambda p: np.where(np.arange(N)[:, None] == 7, 3, 100 * p)), error="39 of the 40 rows are percents")
case("numpy percents of three digits", "npy", lambda d: npy(d, lambda p: np.round(100 * p, 1)), tolerance=2e-2, note="percents, divided by 100")
TRUTH = np.array([True, False, False, True])
for name, names, labels in (("", None, [1, 0, 0, 1]), (" called True and False", ["True", "False"], [0, 1, 1, 0]), (" called 1 and 0", ["1", "0"], [0, 1, 1, 0])):
    for fmt, save in (("parquet", lambda t, f: t.to_parquet(f)), ("csv", lambda t, f: t.to_csv(f))):
        def booleans(d):
            save(pd.DataFrame({"label": TRUTH, "p0": BINARY[:, 0], "p1": BINARY[:, 1]} if names is None else {"label": TRUTH} | dict(zip(names, BINARY.T))), d / f"a.{fmt}")
            (d / "models.csv").write_text("name,gflops\na,1\n")
        case(f"{fmt} booleans{name}", fmt, booleans, ids=range(4), labels=labels, probs=BINARY, names=names)
case("parquet many booleans", "parquet", lambda d: [pd.DataFrame({"label": (LABELS > 5), "probs": [[p[:6].sum(), p[6:].sum()] for p in PROBS]}).to_parquet(d / f"{m}.parquet") for m in "ab"],
     ids=range(N), labels=LABELS > 5, probs=np.array([[p[:6].sum(), p[6:].sum()] for p in PROBS]))
for version in ("PLAIN", "RLE"):
    case(f"pyarrow booleans {version}", "parquet", lambda d: [pq.write_table(pa.table({"label": LABELS > 5, "probs": [[p[:6].sum(), p[6:].sum()] for p in PROBS]}), d / f"{m}.parquet", use_dictionary=False, column_encoding={"label": version}) for m in "ab"],
         ids=None, labels=LABELS > 5, probs=np.array([[p[:6].sum(), p[6:].sum()] for p in PROBS]))

# Classes that are called by numbers: all numbers are names then.
for name, called in (("in another order", [str(C - 1 - k) for k in range(C)]), ("from 1", [str(k + 1) for k in range(C)]), ("of years", [str(2001 + 3 * k) for k in range(C)]), ("with zeros", [f"{k + 1:02d}" for k in range(C)])):
    numbers = np.array([int(n) for n in called])
    for fmt, save in (("parquet", to_parquet()), ("csv", lambda t, d, m: t.to_csv(d / f"{m}.csv", index=False))):
        for columns in ("", "p_"):
            case(f"{fmt} numbers {name}, columns {columns}0", fmt, both(lambda o: pd.DataFrame({"id": IDS[o], "label": numbers[LABELS[o]]} | wide(o, [columns + n for n in called], "float64")), save), names=called)
        case(f"{fmt} numbers {name}, answers", fmt, both(lambda o: pd.DataFrame({"id": IDS[o], "label": numbers[LABELS[o]], "prediction": numbers[PROBS[o].argmax(1)], "confidence": 0.5}), save), names=called, answers=PROBS.argmax(1).tolist())
    case(f"numpy numbers {name}", "npy", lambda d: (npy(d), np.save(d / "labels.npy", numbers[LABELS])), names=called)
    case(f"numpy numbers {name}, as texts", "npy", lambda d: (npy(d), np.save(d / "labels.npy", np.array(called)[LABELS])), names=called)
case("numbers from 1, labels from 0", "npy", npy, names=[str(k + 1) for k in range(C)], error="label 0 is the name of no class")
case("names of which some are numbers", "npy", npy, names=[*"abcdefghij", "11", "10"], error="is the name of a class and the number of another")


def zipped(d):
    import gzip
    npy(d)
    for m in "ab":
        (d / f"{m}.npy.gz").write_bytes(gzip.compress((d / f"{m}.npy").read_bytes()))
        (d / f"{m}.npy").unlink()


def parts(d, **kwargs):
    npy(d, **kwargs)
    for k in range(3):
        np.save(d / f"a-{k:05d}-of-00003.npy", PROBS[k * 15:(k + 1) * 15].astype(">f4"))
    (d / "a.npy").unlink()


case("numpy shards", "npy", parts)
case("numpy shards, one missing", "npy", lambda d: (parts(d), (d / "a-00002-of-00003.npy").unlink()), error="one of 3 files")
case("numpy shards and the whole", "npy", lambda d: (parts(d), np.save(d / "a.npy", PROBS)), error='both called "a"')
case("numpy a file", "npy", npy, path="b.npy")
case("numpy gzip", "npy", zipped)
case("npz a model", "npy", lambda d: (np.savez(d / "a.npz", probs=PROBS, labels=LABELS, ids=IDS), np.savez(d / "b.npz", probs=PROBS[ORDER], labels=LABELS[ORDER], ids=IDS[ORDER])), note="put in the order")
case("npz of y_true and y_prob", "npy", lambda d: (np.savez(d / "a.npz", y_prob=PROBS, y_true=LABELS, ids=IDS), np.savez(d / "b.npz", y_prob=PROBS[ORDER], y_true=LABELS[ORDER], ids=IDS[ORDER])), note="put in the order")
case("npz a zoo with y_true", "npz", lambda d: np.savez(d / "zoo.npz", a=PROBS, b=PROBS, y_true=LABELS, filenames=IDS), path="zoo.npz")
case("npz a zoo with two truths", "npz", lambda d: np.savez(d / "zoo.npz", a=PROBS, b=PROBS, y_true=LABELS, labels=LABELS), path="zoo.npz", error="has the arrays labels and y_true, any of which could be the labels")
case("npz a zoo", "npz", lambda d: np.savez_compressed(d / "zoo.npz", a=PROBS, b=np.asfortranarray(PROBS), labels=LABELS, ids=IDS), path="zoo.npz")

# Heads with other classes.
HEAD = outputs(N, C + 1)
case("background", "npy", lambda d: (npy(d, lambda p: HEAD), (d / "map.csv").write_text("output,class\n" + "".join(f"{k + 1},{k}\n" for k in range(C)))),
     probs=HEAD[:, 1:] / HEAD[:, 1:].sum(1, keepdims=True), options={"MapClasses": "map.csv"}, tolerance=1e-3, note="left out")
HEADS = RNG.normal(0, 2, (N, C + 1))
SOME = np.exp(HEADS[:, 1:]) / np.exp(HEADS[:, 1:]).sum(1, keepdims=True)
case("background of logits", "npy", lambda d: (npy(d, lambda p: HEADS), (d / "map.csv").write_text("class,output\n" + "".join(f"{n},{k + 1}\n" for k, n in enumerate(NAMES)))),
     probs=SOME, options={"MapClasses": "map.csv", "Logits": True}, tolerance=1e-3, names=NAMES)
FINE = outputs(N, 2 * C)
case("several outputs a class", "npy", lambda d: (npy(d, lambda p: FINE), (d / "map.csv").write_text("output,class\n" + "".join(f"{k},{k % C}\n" for k in range(2 * C)))),
     probs=FINE[:, :C] + FINE[:, C:], options={"MapClasses": "map.csv"}, tolerance=1e-3)
case("a class that is none", "npy", lambda d: (npy(d, lambda p: HEAD), (d / "map.csv").write_text("output,class\n0,wolf\n")), options={"MapClasses": "map.csv"}, names=NAMES, error='"wolf" is not a class')
case("an output that is none", "npy", lambda d: (npy(d, lambda p: HEAD), (d / "map.csv").write_text("output,class\n0,0\n99,1\n")), options={"MapClasses": "map.csv"}, error="output 99")


# safetensors, sklearn, datasets
def has(library):
    try:
        return importlib.import_module(library)
    except ImportError:
        return None


if st := has("safetensors.numpy"):
    case("safetensors a model", "npy", lambda d: (npy(d), [(st.save_file({"probs": PROBS.astype("float32")}, d / f"{m}.safetensors"), (d / f"{m}.npy").unlink()) for m in "ab"]))
    case("safetensors a zoo", "npz", lambda d: st.save_file({"a": PROBS.astype("float16"), "b": PROBS, "labels": LABELS}, d / "zoo.safetensors"), path="zoo.safetensors", ids=None)

if datasets := has("datasets"):
    def hf(d):
        for m, o in (("a", np.arange(N)), ("b", ORDER)):
            features = datasets.Features({"image_id": datasets.Value("string"), "label": datasets.ClassLabel(names=NAMES), "probs": datasets.Sequence(datasets.Value("float32"))})
            datasets.Dataset.from_dict({"image_id": IDS[o].tolist(), "label": LABELS[o].tolist(), "probs": PROBS[o].tolist()}, features=features).to_parquet(d / f"{m}.parquet")
    case("datasets", "parquet", hf, note='"image_id"')
    case("datasets of other classes", "parquet", hf, names=NAMES[::-1], error="other classes")

    def coded(d):
        features = datasets.Features({"label": datasets.ClassLabel(names=[str(C - 1 - k) for k in range(C)]), "probs": datasets.Sequence(datasets.Value("float32"))})
        for m in "ab":
            datasets.Dataset.from_dict({"label": LABELS.tolist(), "probs": PROBS.tolist()}, features=features).to_parquet(d / f"{m}.parquet")
    case("datasets of classes called by numbers", "parquet", coded, ids=None)

    # save_to_disk, in its own folders.
    FEATURES = datasets.Features({"image_id": datasets.Value("string"), "label": datasets.ClassLabel(names=NAMES), "probs": datasets.Sequence(datasets.Value("float32"))})

    def saved(o, path, features=FEATURES, **columns):
        columns = columns or {"image_id": IDS[o].tolist(), "label": LABELS[o].tolist(), "probs": PROBS[o].tolist()}
        d = datasets.Dataset.from_dict(columns, features=features)
        d.save_to_disk(path, num_shards=3)
        return d

    def disk(d):
        saved(np.arange(N), d / "a")
        # A selection is written with what it selects, and a cache beside it is not read.
        saved(np.arange(N), d / "all").select(ORDER).save_to_disk(d / "b")
        (d / "b" / "cache-0123456789abcdef.arrow").write_bytes(b"x")
        import shutil
        shutil.rmtree(d / "all")

    case("save_to_disk", "arrow", disk, note='"image_id"')
    case("save_to_disk, one", "arrow", disk, path="a")
    case("save_to_disk, as Parquet", "parquet", disk, path="a", error="--format arrow")
    case("save_to_disk of other classes", "arrow", disk, names=NAMES[::-1], error="other classes")
    case("save_to_disk of splits", "arrow", lambda d: datasets.DatasetDict({"val": saved(np.arange(N), d / "x"), "test": saved(ORDER, d / "y")}).save_to_disk(d / "a"), path="a", error="a/test")
    case("save_to_disk, a shard missing", "arrow", lambda d: (disk(d), (d / "a" / "data-00001-of-00003.arrow").unlink()), error="data-00001-of-00003.arrow does not exist")
    case("save_to_disk of several models", "arrow", lambda d: (saved(None, d / "x", None, id=IDS.tolist(), label=LABELS.tolist(), a=PROBS.tolist(), b=PROBS.tolist()), (d / "models.csv").rename(d / "x" / "models.csv")), path="x")
    case("save_to_disk, a column a class", "arrow", lambda d: [saved(None, d / m, None, id=IDS[o].tolist(), label=[NAMES[k] for k in LABELS[o]], **{n: PROBS[o, k].tolist() for k, n in enumerate(NAMES)}) for m, o in (("a", np.arange(N)), ("b", ORDER))], names=NAMES)
    case("save_to_disk of answers", "arrow", lambda d: [saved(None, d / m, None, id=IDS[o].tolist(), label=LABELS[o].tolist(), prediction=PROBS[o].argmax(1).tolist(), confidence=[0.5] * N) for m, o in (("a", np.arange(N)), ("b", ORDER))], answers=PROBS.argmax(1).tolist())
    case("save_to_disk, null", "arrow", lambda d: [saved(None, d / m, None, id=IDS.tolist(), label=[None, *LABELS[1:].tolist()], probs=PROBS.tolist()) for m in "ab"], error='row 0: column "label"')
    case("save_to_disk, lists of other lengths", "arrow", lambda d: [saved(None, d / m, None, id=IDS.tolist(), label=LABELS.tolist(), probs=[*PROBS[:-1].tolist(), [1.0]]) for m in "ab"], error="it has 1 values")

# Arrow files.
def ipc(d, table, writer=pa.ipc.new_file, chunk=7, **options):
    for m, o in (("a", np.arange(N)), ("b", ORDER)):
        with writer(d / f"{m}.arrow", table(o).schema, **options) as w:
            w.write_table(table(o), max_chunksize=chunk)


for dtype in (pa.float16(), pa.float32(), pa.float64()):
    arrow_table = lambda o: pa.table({"id": pa.array(IDS[o]).dictionary_encode(), "label": pa.array(LABELS[o], pa.uint8()), "probs": pa.FixedSizeListArray.from_arrays(pa.array(PROBS[o].ravel().astype("float16" if dtype == pa.float16() else "float64"), dtype), C)})
    case(f"arrow file {dtype}", "arrow", lambda d: ipc(d, arrow_table))
    case(f"arrow stream {dtype}", "arrow", lambda d: ipc(d, arrow_table, pa.ipc.new_stream))
for codec in ("lz4", "zstd"):
    case(f"arrow {codec}", "arrow", lambda d: ipc(d, arrow_table, options=pa.ipc.IpcWriteOptions(compression=codec)))
case("polars ipc", "arrow", both(lambda o: pl.DataFrame({"id": IDS[o], "label": LABELS[o], "probs": PROBS[o].tolist()}), lambda t, d, m: t.write_ipc(d / f"{m}.arrow", compat_level=pl.CompatLevel.oldest())), error="write_ipc_stream")
case("polars ipc stream", "arrow", both(lambda o: pl.DataFrame({"id": IDS[o], "label": LABELS[o], "probs": PROBS[o].tolist()}), lambda t, d, m: t.write_ipc_stream(d / f"{m}.arrow", compat_level=pl.CompatLevel.oldest())))
case("polars ipc stream of views", "arrow", both(lambda o: pl.DataFrame({"id": IDS[o], "label": LABELS[o], "probs": PROBS[o].tolist()}), lambda t, d, m: t.write_ipc_stream(d / f"{m}.arrow")))
case("arrow booleans", "arrow", lambda d: ipc(d, lambda o: pa.table({"id": IDS[o], "label": LABELS[o] > 5, "p0": PROBS[o, :6].sum(1), "p1": PROBS[o, 6:].sum(1)})), labels=LABELS > 5, probs=np.array([[p[:6].sum(), p[6:].sum()] for p in PROBS]))
case("arrow of large batches", "arrow", lambda d: ipc(d, lambda o: pa.table({"label": np.zeros((1 << 24) + 1, "int64")}), options=pa.ipc.IpcWriteOptions(compression="zstd"), chunk=None), error="max_chunksize")
case("arrow cut off", "arrow", lambda d: (ipc(d, arrow_table), (d / "a.arrow").write_bytes((d / "a.arrow").read_bytes()[:900])), error="is damaged")
case("arrow of something else", "arrow", lambda d: [(d / f"{m}.arrow").write_bytes(b"x" * 1000) for m in "ab"], error="is damaged")

if has("sklearn"):
    from sklearn.datasets import make_classification
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier, ExtraTreesClassifier, GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.tree import DecisionTreeClassifier

    x, y = make_classification(300, 8, n_informative=6, n_classes=4, random_state=0)
    names = ["left", "right", "up", "down"]
    text = np.array(names)[y]
    classifiers = [LogisticRegression(), LinearDiscriminantAnalysis(), GaussianNB(), KNeighborsClassifier(), DecisionTreeClassifier(), RandomForestClassifier(20),
                   ExtraTreesClassifier(20), BaggingClassifier(), AdaBoostClassifier(n_estimators=10), GradientBoostingClassifier(n_estimators=5),
                   HistGradientBoostingClassifier(max_iter=5), MLPClassifier(max_iter=50)]
    for c in classifiers:
        kind = type(c).__name__
        p = c.fit(x[:200], y[:200]).predict_proba(x[200:])
        one = lambda d: (d / "models.csv").write_text("name,gflops\na,1\n")
        common = {"ids": None, "labels": y[200:], "probs": p, "tolerance": 1e-3}
        case(f"sklearn {kind} npy", "npy", lambda d: (one(d), np.save(d / "a.npy", p), np.save(d / "labels.npy", y[200:])), **common)
        case(f"sklearn {kind} savetxt", "csv", lambda d: (one(d), np.savetxt(d / "a.csv", p, delimiter=","), np.savetxt(d / "labels.csv", y[200:], fmt="%d")), **common)
        named = c.fit(x[:200], text[:200])
        common["probs"] = named.predict_proba(x[200:])[:, [list(named.classes_).index(n) for n in names]]
        t = pd.DataFrame(named.predict_proba(x[200:]), columns=named.classes_).assign(label=text[200:])
        case(f"sklearn {kind} named csv", "csv", lambda d: (one(d), t.to_csv(d / "a.csv")), **common | {"names": names, "ids": range(100)})
        case(f"sklearn {kind} named parquet", "parquet", lambda d: (one(d), t.to_parquet(d / "a.parquet")), names=names, **common)

(OUT / "cases.json").write_text(json.dumps(cases))
