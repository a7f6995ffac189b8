"""Prints the SHA-256 of the crops Pillow makes of images, for golden.csv.

    python3 golden.py ../../../../shared/data/jpegs . photos > golden.csv

Needs Pillow alone. The transform is timm's transforms_imagenet_eval
(torchvision's Resize and CenterCrop, timm's ResizeKeepRatio and
CenterCropOrPad), written out. With --raw WIDTHxHEIGHT:FILTER:CROP_PCT:MODE and files,
the crops themselves go to standard output, one after the other.
"""
import hashlib
import math
import sys
from pathlib import Path

from PIL import Image

FILTERS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC, "lanczos": Image.LANCZOS}
SETTINGS = [
    "224x224:bicubic:0.875:center",
    "299x299:bilinear:0.9:center",
    "384x384:bicubic:1.0:center",
    "160x160:lanczos:0.875:center",
    "192x192:bicubic:0.95:squash",
    "176x176:bicubic:0.9:border",
    "144x208:bilinear:0.9:center",
    "144x208:lanczos:1.0:border",
]
FILL = tuple(round(255 * v) for v in (0.485, 0.456, 0.406))


def crop(path, setting):
    """The crop of the image at path as bytes, row by row, RGB."""
    size, name, pct, mode = setting.split(":")
    height, width = map(int, size.split("x"))
    pct = float(pct)
    with Image.open(path) as img:
        img = img.convert("RGB")
    w, h = img.size
    th, tw = math.floor(height / pct), math.floor(width / pct)
    if mode == "squash":
        rw, rh = tw, th
    elif mode == "center" and th == tw:
        rw, rh = (tw, int(tw * h / w)) if w <= h else (int(th * w / h), th)
    else:
        ratio = (max if mode == "border" else min)(h / th, w / tw)
        rw, rh = round(w / ratio), round(h / ratio)
    if (rw, rh) != (w, h):
        img = img.resize((rw, rh), FILTERS[name])
    pad_w, pad_h = max(0, width - rw), max(0, height - rh)
    canvas = Image.new("RGB", (rw + pad_w, rh + pad_h), FILL if mode == "border" else 0)
    canvas.paste(img, (pad_w // 2, pad_h // 2))
    left = int(round((canvas.width - width) / 2.0))
    top = int(round((canvas.height - height) / 2.0))
    return canvas.crop((left, top, left + width, top + height)).tobytes()


def main():
    if sys.argv[1] == "--raw":
        for path in sys.argv[3:]:
            sys.stdout.buffer.write(crop(path, sys.argv[2]))
        return
    print("file,setting,sha256")
    for folder in map(Path, sys.argv[1:]):
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() not in {".jpg", ".jpeg", ".png", ".webp"}:
                continue
            for setting in SETTINGS:
                try:
                    digest = hashlib.sha256(crop(path, setting)).hexdigest()
                except OSError as err:
                    digest = "truncated" if "truncated" in str(err) else f"error {err}"
                print(f"{path.name},{setting},{digest}")


if __name__ == "__main__":
    main()
