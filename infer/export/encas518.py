"""Writes ../encas518.txt: the 518 models of the ENCAS paper by today's timm names.

    python3 encas518.py timm_catalog.csv > ../encas518.txt

Needs timm. The catalog has the paper's names with their published accuracy, and
today's names with theirs. A name is translated by timm's own table of renamed
models; which of an architecture's weights were meant is told by the accuracy at the
paper's image size.
"""
import csv
import sys
from collections import defaultdict

import timm
from timm.models import _registry


def distance(a, b):
    return abs(float(a["top1"]) - float(b["top1"])) + abs(float(a["top5"]) - float(b["top5"]))


def find(old, today, known):
    """Today's row for the paper's row, and a remark where it may be other weights."""
    name = _registry._deprecated_models.get(old["model"], old["model"])
    arch, _, tag = name.partition(".")
    rows = [r for r in today if r["model"].split(".")[0] == arch and r["model"] in known]
    # The table sends some names to another size of model.
    rows = [r for r in rows if abs(float(r["params_m"]) / float(old["params_m"]) - 1) < 0.01]
    if tag and any(r["model"] == name for r in rows):
        return name, ""
    if not rows:  # told by number of parameters and accuracy alone
        rows = [
            r for r in today
            if r["params_m"] == old["params_m"] and distance(r, old) < 0.1 and r["model"] in known
        ]
    same_size = [r for r in rows if r["img_size"] == old["img_size"]]
    if not same_size:
        if rows:
            return arch, "no weights published at this image size"
        return None, "today's timm does not have it"
    best = min(same_size, key=lambda r: distance(r, old))
    if distance(best, old) > 0.4:
        return best["model"], f"other weights: {best['top1']} % now, {old['top1']} % in the paper"
    return best["model"], ""


def main():
    with open(sys.argv[1], newline="") as f:
        rows = list(csv.DictReader(f))
    today = [r for r in rows if r["in_encas_518"] != "1"]
    known = set(timm.list_pretrained())
    print("# The 518 models of the ENCAS paper by their names in timm " + timm.__version__ + ".")
    print("# name= is the paper's name; size, crop_pct and interpolation are the paper's.")
    print("# Made by export/encas518.py.")
    counts = defaultdict(int)
    for old in rows:
        if old["in_encas_518"] != "1":
            continue
        name, remark = find(old, today, known)
        counts[remark.split(":")[0]] += 1
        line = (
            f"{name or old['model']} name={old['model']} size={old['img_size']} "
            f"crop_pct={float(old['crop_pct']):g} interpolation={old['interpolation']}"
        )
        print(("# " if name is None else "") + line + (f"  # {remark}" if remark else ""))
    print(dict(counts), file=sys.stderr)


main()
