#!/usr/bin/env python3
"""Writes the fixtures of the importer's tests.

Needs numpy, pandas, polars and pyarrow. Run it in this folder; the files are
committed, so that the tests read what these tools really write.

All fixtures hold the same predictions: 12 samples, 5 classes, two models. The
values are multiples of 1/256, which every float type holds exactly, so that a
test can compare them bit for bit. expected.json says what they are.
"""

import gzip
import json
import pathlib
import shutil

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

SAMPLES, CLASSES = 12, 5
MODELS = ["small", "large"]
HERE = pathlib.Path(__file__).parent
RNG = np.random.default_rng(1)


def outputs():
    """Rows of multiples of 1/256 that sum to exactly 1."""
    cuts = np.sort(RNG.integers(0, 257, (SAMPLES, CLASSES - 1)), axis=1)
    ends = np.hstack([np.zeros((SAMPLES, 1), int), cuts, np.full((SAMPLES, 1), 256)])
    return np.diff(ends, axis=1) / 256


probs = {m: outputs() for m in MODELS}
labels = RNG.integers(0, CLASSES, SAMPLES)
labels[0] = CLASSES - 1
ids = [f"img_{i:04d}.jpeg" for i in range(SAMPLES)]


def folder(name):
    path = HERE / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def models_csv(path, cost="gmacs"):
    pd.DataFrame({"name": MODELS, cost: [0.25, 4.0], "family": ["a, b", "c"]}).to_csv(path, index=False)


def npy(name, dtype, label_dtype="int64", **extra):
    d = folder(name)
    for m in MODELS:
        np.save(d / f"{m}.npy", probs[m].astype(dtype))
    np.save(d / "labels.npy", labels.astype(label_dtype))
    models_csv(d / "models.csv")
    for key, value in extra.items():
        np.save(d / f"{key}.npy", value)


npy("npy_f2", "<f2", "uint8", ids=np.array(ids))
npy("npy_f4", "<f4", "int32", ids=np.arange(100, 100 + SAMPLES))
npy("npy_f8_big", ">f8", ">i8")

d = folder("npy_logits")
for m in MODELS:
    # 0 becomes a logit so low that its softmax is 0 in float16.
    with np.errstate(divide="ignore"):
        np.save(d / f"{m}.npy", np.maximum(np.log(probs[m]), -100) + RNG.normal(size=(SAMPLES, 1)))
np.save(d / "labels.npy", labels)
models_csv(d / "models.csv", "gflops")

d = folder("npz")
np.savez(d / "stored.npz", labels=labels, ids=np.array(ids), **probs)
np.savez_compressed(d / "deflated.npz", labels=labels, **{m: p.astype("f4") for m, p in probs.items()})
models_csv(d / "models.csv")
pd.DataFrame({"model": MODELS, "gflops": [0.25, 4.0]}).to_csv(d / "deflated.csv")  # with the row numbers

# The published ENCAS code: a run of a supernet, and of timm models.
runs = folder("encas")
for run, info in {
    "cifar_r0_alpha_sep/0": {"cfgs": [{"r": 224, "d": [1, 2]}, {"r": 288, "d": [2, 2]}]},
    "timm_all/pretrained/0": {"net_names": MODELS},
}.items():
    for split, rows in {"val": slice(0, 8), "test": slice(8, 12)}.items():
        d = runs / run / f"output_distrs_{split}"
        d.mkdir(parents=True)
        for i, m in enumerate(MODELS):
            with gzip.GzipFile(d / f"{i}.npy.gz", "w", mtime=0) as f:
                np.save(f, probs[m][rows].astype(np.float16))
        accuracy = [float((probs[m][rows].argmax(1) == labels[rows]).mean() * 100) for m in MODELS]
        (d / "info.json").write_text(json.dumps({split: accuracy, "flops": [250.0, 4000.0], **info}))
np.save(runs / "labels_cifar10_val8.npy", labels[:8])
np.save(runs / "labels_cifar10_test.npy", labels[8:])


def parquet(name, write):
    d = folder(name)
    for m in MODELS:
        write(d / f"{m}.parquet", probs[m])
    models_csv(d / "models.csv")
    return d


def frame(p, names):
    df = pd.DataFrame(p, columns=names)
    df["label"] = labels
    df["id"] = ids
    return df


# pandas: an object column of arrays, and one column a class; with its index.
parquet("parquet_pandas_list", lambda f, p: pd.DataFrame({"probs": list(p), "label": labels, "id": ids}).to_parquet(f))
parquet("parquet_pandas_f4", lambda f, p: pd.DataFrame({"softmax": list(p.astype("f4")), "labels": labels}, index=ids).to_parquet(f, compression="gzip"))
parquet("parquet_pandas_wide", lambda f, p: frame(p, [str(i) for i in range(CLASSES)]).to_parquet(f))

# polars: a list, a fixed-size array, one column a class.
series = lambda p, t: pl.Series("probs", p.tolist(), dtype=t)
parquet("parquet_polars_list", lambda f, p: pl.DataFrame([series(p, pl.List(pl.Float32)), pl.Series("label", labels), pl.Series("id", ids)]).write_parquet(f))
parquet("parquet_polars_array", lambda f, p: pl.DataFrame([series(p, pl.Array(pl.Float64, CLASSES)), pl.Series("label", labels.astype("u1"))]).write_parquet(f, compression="uncompressed"))
parquet("parquet_polars_wide", lambda f, p: pl.from_pandas(frame(p.astype("f4"), [f"p{i}" for i in range(CLASSES)])).write_parquet(f, row_group_size=5))

# pyarrow: half floats, fixed-size lists, several row groups, version 2 pages; the
# labels in a file of their own.
flat = lambda p, t: pa.array(p.astype(t).ravel())
fixed = lambda p, t: pa.FixedSizeListArray.from_arrays(flat(p, t), CLASSES)
d = parquet("parquet_pyarrow_f2", lambda f, p: pq.write_table(pa.table({"probs": fixed(p, "f2")}), f, compression="zstd", row_group_size=5))
pq.write_table(pa.table({"id": ids, "label": labels}), d / "labels.parquet")
offsets = pa.array(np.arange(SAMPLES + 1) * CLASSES, pa.int32())
d = parquet("parquet_pyarrow_v2", lambda f, p: pq.write_table(
    pa.table({"probs": pa.ListArray.from_arrays(offsets, flat(p, "f4")), "extra": pa.array([[1.0]] * SAMPLES)}),
    f, compression="brotli", data_page_version="2.0", use_dictionary=False, version="2.6", data_page_size=64, row_group_size=7))
pq.write_table(pa.table({"label": pa.array(labels, pa.uint16())}), d / "labels.parquet")
parquet("parquet_pyarrow_wide_f2", lambda f, p: pq.write_table(
    pa.table({"label": labels, **{f"class_{c}": pa.array(p[:, c].astype("f2")) for c in reversed(range(CLASSES))}}), f, row_group_size=5))
parquet("parquet_pyarrow_split", lambda f, p: pq.write_table(
    pa.table({"probs": fixed(p, "f4"), "label": labels}), f, use_dictionary=["label"], use_byte_stream_split=["probs.list.element"]))

# What cannot be read, or is wrong.
bad = folder("parquet_bad")
table = lambda probs: pa.table({"probs": probs, "label": labels})
lists = [list(r) for r in probs["small"]]
pq.write_table(table(fixed(probs["small"], "f4")), bad / "lz4.parquet", compression="lz4")
pq.write_table(table(fixed(probs["small"], "f4")), bad / "delta.parquet", use_dictionary=False, column_encoding={"label": "DELTA_BINARY_PACKED"})
pq.write_table(table(pa.array([None if i == 7 else r for i, r in enumerate(lists)])), bad / "null_row.parquet")
pq.write_table(table(pa.array([[None, *r[1:]] if i == 7 else r for i, r in enumerate(lists)])), bad / "null_value.parquet")
pq.write_table(table(pa.array([[] if i == 7 else r for i, r in enumerate(lists)])), bad / "empty.parquet")
pq.write_table(table(pa.array([r[:4] if i == 7 else r for i, r in enumerate(lists)])), bad / "short.parquet")
pq.write_table(table(pa.array([[*r, 0.0] if i == 7 else r for i, r in enumerate(lists)])), bad / "long.parquet")
wide = frame(probs["small"], [f"p{i}" for i in range(CLASSES)])
wide.loc[7, "p3"] = None
wide.to_parquet(bad / "null_wide.parquet")
frame(probs["small"], ["p0", "p1", "p2", "p3", "p5"]).to_parquet(bad / "gap.parquet")
pa_two = pa.table({"a": fixed(probs["small"], "f4"), "b": fixed(probs["small"], "f4"), "label": labels})
pq.write_table(pa_two, bad / "two.parquet")
pq.write_table(pa.table({"probs": fixed(probs["small"], "f4"), "label": pa.array([None, *labels[1:]])}), bad / "null_label.parquet")
pq.write_table(pa.table({"probs": fixed(probs["small"], "f4"), "label": pa.array([str(l) for l in labels])}), bad / "text_label.parquet")

# Answers.
d = folder("csv")
models_csv(d / "models.csv", "gflops")
pd.DataFrame({"sample": ids, "label": labels}).to_csv(d / "labels.csv", index=False)
for m in MODELS:
    order = RNG.permutation(SAMPLES)
    answers = pd.DataFrame({"sample": ids, "label": probs[m].argmax(1), "confidence": probs[m].max(1)})
    answers.iloc[order].to_csv(d / f"{m}.csv", index=False)

(HERE / "expected.json").write_text(json.dumps(
    {"labels": labels.tolist(), "ids": ids, "units": {m: (p * 256).astype(int).tolist() for m, p in probs.items()}}) + "\n")
