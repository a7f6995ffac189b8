"""Makes the small images of this folder. Needs Pillow 9.4 or later and numpy.

    python3 make_images.py
"""
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent


def picture(w, h, channels):
    """A smooth picture with an edge, deterministic."""
    y, x = np.mgrid[0:h, 0:w]
    planes = [127 + 127 * np.sin((c + 1) * x / 7 + y / (5 + c)) for c in range(channels)]
    p = np.stack(planes, -1)
    p[h // 3 : h // 2, w // 4 : w // 2] = 255 - p[h // 3 : h // 2, w // 4 : w // 2]
    return p.round().astype(np.uint8)


def png(name, w, h, depth, colour, rows, extra=b""):
    """Writes a PNG byte by byte, for the kinds Pillow does not write."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, 0)
    raw = b"".join(b"\0" + row for row in rows)
    (HERE / name).write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + extra
        + chunk(b"IDAT", zlib.compress(raw))
        + chunk(b"IEND", b"")
    )


def main():
    w, h = 61, 43
    rgb, rgba = picture(w, h, 3), picture(w, h, 4)
    grey = picture(w, h, 1)[..., 0]
    grey16 = grey.astype(">u2") * 3  # some of it above 255, some below
    trns = struct.pack(">I", 2) + b"tRNS" + b"\0\5" + struct.pack(">I", zlib.crc32(b"tRNS\0\5"))
    png("grey16.png", w, h, 16, 0, [r.tobytes() for r in grey16])
    png("grey16_trns.png", w, h, 16, 0, [r.tobytes() for r in grey16], trns)
    png("rgb16.png", w, h, 16, 2, [(r.astype(">u2") * 257 + 3).tobytes() for r in rgb // 2])
    png("greyalpha16.png", w, h, 16, 4, [(r.astype(">u2") * 255).tobytes() for r in rgba[..., :2]])
    png("grey2.png", 64, 20, 2, 0, [bytes(range(y, y + 16)) for y in range(20)])
    Image.fromarray(rgba[..., :2], "LA").save(HERE / "greyalpha.png")
    Image.fromarray(rgba).save(HERE / "rgba.png")
    Image.fromarray(grey > 99).save(HERE / "bilevel.png")
    Image.fromarray(rgb).quantize(17).save(HERE / "palette.png")
    Image.fromarray(rgb).save(HERE / "lossy.webp", quality=80)
    Image.fromarray(rgb[:42, :60]).save(HERE / "lossy_even.webp", quality=30)
    Image.fromarray(rgb).save(HERE / "lossless.webp", lossless=True)
    Image.fromarray(rgba | np.array([0, 0, 0, 16], np.uint8)).save(HERE / "alpha.webp", quality=60)
    for name, sampling in ("444", 0), ("422", 1), ("420", 2):
        Image.fromarray(rgb).save(HERE / f"ycc{name}.jpg", subsampling=sampling, quality=85)
    Image.fromarray(grey).save(HERE / "grey.jpg", progressive=True)
    Image.fromarray(rgba, "CMYK").save(HERE / "cmyk.jpg", quality=90)


if __name__ == "__main__":
    main()
