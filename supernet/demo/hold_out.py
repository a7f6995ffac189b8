"""Parts the training images of Fashion-MNIST into those that supernets are trained on, the
first five sixths (50,000), and those that cascades are searched on, the others (10,000), of
which the halves are written, too: those that subnets are searched on, and those that cascades
are searched on then.

    python3 supernet/demo/hold_out.py /usr/share/datasets/fashion-mnist build/supernets
"""
import gzip
import pathlib
import sys

def main():
    source, out = map(pathlib.Path, sys.argv[1:])
    out.mkdir(parents=True, exist_ok=True)
    for kind, dimensions in (("images-idx3", 3), ("labels-idx1", 1)):
        data = gzip.open(source / f"train-{kind}-ubyte.gz").read()
        header, numbers = data[: 4 + 4 * dimensions], data[4 + 4 * dimensions :]
        total = int.from_bytes(header[4:8], "big")
        trained, half = total * 5 // 6, total * 11 // 12
        parts = ("train", 0, trained), ("held-out", trained, total), ("val", trained, half), ("search", half, total)
        size = len(numbers) // total
        for name, first, end in parts:
            part = header[:4] + (end - first).to_bytes(4, "big") + header[8:] + numbers[first * size : end * size]
            (out / f"{name}-{kind}-ubyte.gz").write_bytes(gzip.compress(part, 6, mtime=0))


main()
