"""Asks a server about images with tritonclient, and writes its answers as CSV.

    python3 client.py HOST:PORT WAY IMAGE...

WAY is bytes, json or gzip: how images travel.
"""
import csv
import sys

import numpy as np
import tritonclient.http as triton

address, way, *paths = sys.argv[1:]
client = triton.InferenceServerClient(address)
assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("cascade")
inputs = client.get_model_metadata("cascade")["inputs"]
assert [i["name"] for i in inputs] == ["image", "pixels"], inputs
out = csv.writer(sys.stdout)
out.writerow(["id", "class", "name", "confidence", "stage"])
for first in range(0, len(paths), 5):
    some = paths[first:first + 5]
    images = np.array([open(path, "rb").read() for path in some], dtype=object)
    if way == "json":
        import base64
        images = np.array([base64.b64encode(image) for image in images], dtype=object)
    image = triton.InferInput("image", [len(some)], "BYTES")
    image.set_data_from_numpy(images, binary_data=way != "json")
    wanted = [triton.InferRequestedOutput(name, binary_data=way != "json") for name in ("class", "label", "confidence", "stage")]
    answer = client.infer("cascade", [image], outputs=wanted, request_compression_algorithm="gzip" if way == "gzip" else None)
    label = answer.as_numpy("label")
    assert answer.as_numpy("class").dtype == np.int64 and answer.as_numpy("confidence").dtype == np.float64
    for i, path in enumerate(some):
        text = label[i].decode() if isinstance(label[i], bytes) else label[i]
        out.writerow([path, answer.as_numpy("class")[i], text, repr(float(answer.as_numpy("confidence")[i])), answer.as_numpy("stage")[i]])
