"""Records what Pillow and timm make of a few images, for TestOperations:

    python3 randaugment.py >randaugment.json

Needs Pillow and timm, whose operations, and strengths by magnitude, are called.
"""
import base64, hashlib, json, math, random, sys

import PIL
import timm
from PIL import Image
from timm.data import auto_augment

auto_augment._randomly_negate = lambda v: v
# Newer Pillows refuse to keep no bits, which older ones do.
auto_augment.NAME_TO_OP["Posterize"] = lambda img, bits, **_: auto_augment.posterize(img, bits) if bits else img.point(lambda v: 0)
MAGNITUDES = [0, 1, 2.5, 4, 5, 6.2, 7.3, 8.1, 8.6, 9, 9.4, 9.9, 10]
NEGATED = ("Rotate", "ShearX", "ShearY", "TranslateXRel", "TranslateYRel")


def noise(width, height):
    r = random.Random(1)
    return Image.frombytes("RGB", (width, height), bytes(r.randrange(256) for _ in range(3 * width * height)))


def smooth(mode, width, height):
    """An image of slow waves, which has not all values, some often."""
    pixels = []
    for y in range(height):
        for x in range(width):
            for c in range(len(mode)):
                pixels.append(int(min(max(130 + 70 * math.sin(x / (3 + c) + c) + 50 * math.cos(y / 4 - x * c / 9), 31), 213)))
    return Image.frombytes(mode, (width, height), bytes(pixels))


def rgb(img):
    return img.convert("RGB").tobytes()


images = [(noise(21, 17), (125, 123, 114)), (smooth("RGB", 26, 23), (124, 116, 104)), (smooth("L", 24, 24), (73,)),
          (noise(2, 3), (1, 2, 3)), (noise(1, 1), (1, 2, 3))]
recorded = {"pillow": PIL.__version__, "timm": timm.__version__, "images": [], "results": []}
for number, (img, fill) in enumerate(images):
    recorded["images"].append({"width": img.width, "height": img.height, "fill": list(fill) * (3 // len(fill)), "pixels": base64.b64encode(rgb(img)).decode()})
    for name in auto_augment._RAND_TRANSFORMS:
        strengths = auto_augment.LEVEL_TO_ARG[name]
        for i, magnitude in enumerate(MAGNITUDES if strengths else [0]):
            args = strengths(magnitude, {}) if strengths else ()
            if name in NEGATED and i % 2:
                args = (-args[0],)
            out = auto_augment.NAME_TO_OP[name](img, *args, fillcolor=fill if len(fill) > 1 else fill[0], resample=Image.BICUBIC)
            recorded["results"].append({"image": number, "operation": name, "magnitude": magnitude, "strength": args[0] if args else 0,
                                        "sha256": hashlib.sha256(rgb(out)).hexdigest()})
for key, value in recorded.items():
    # A line for each image and result.
    rows = [value] if isinstance(value, str) else value
    text = ",\n".join(json.dumps(row) for row in rows)
    print("{" if key == "pillow" else ",", json.dumps(key), ":", text if isinstance(value, str) else "[\n" + text + "]")
print("}")
