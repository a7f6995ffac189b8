"""Reads a zoo's files with pyarrow and prints what it saw, as hashes in JSON.

Usage: read.py ARCHIVE ANSWERS SPLIT INDEX
"""

import hashlib
import json
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

archive, answers, split, index = sys.argv[1:]


def sha(data):
    return hashlib.sha256(data).hexdigest()


def fixed(column, dtype):
    """The bytes of a fixed-width binary column as numbers."""
    return np.concatenate([np.frombuffer(b"".join(chunk.to_pylist()), dtype) for chunk in column.chunks])


table = pq.read_table(archive)
about = {k.decode(): v.decode() for k, v in pq.read_metadata(archive).metadata.items()}
shape = [int(n) for n in about["shape"].split(",")]
rows = fixed(table["probs"], about["dtype"]).reshape(shape)
assert np.allclose(rows.astype(np.float64).sum(1), 1, atol=0.01)

a = pq.read_table(answers)
both = np.stack([a["label"].to_numpy().astype("<u2"), fixed(a["confidence"], "<u2")], 1)

s = pq.read_table(split)
assert s["id"].type == pa.string()

with pa.memory_map(index) as f:
    x = pa.ipc.open_file(f).read_all()
    x.validate(full=True)
    flat = {name: x[name].combine_chunks() for name in x.column_names}
    top = np.stack([flat["top_class"].to_numpy(), flat["top_value"].to_numpy().view("<u2")], 1)
    print(json.dumps({
        "shape": shape,
        "rows": sha(rows.tobytes()),
        "answers": sha(both.tobytes()),
        "labels": sha(s["label"].to_numpy().astype("<u2").tobytes()),
        "ids": sha("".join(i + "\n" for i in s["id"].to_pylist()).encode()),
        "classes": sha(flat["classes"].flatten().to_numpy().tobytes()),
        "values": sha(flat["values"].flatten().to_numpy().tobytes()),
        "tail": sha(flat["tail"].to_numpy().tobytes()),
        "top": sha(top.tobytes()),
        "correct": sha(np.asarray(flat["correct"].to_pylist(), np.uint8).tobytes()),
    }))
