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


def photograph(w, h, channels, seed):
    """Smooth shapes with edges and grain, about as hard for a JPEG as a photograph."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:h, 0:w]
    planes = []
    for c in range(channels):
        p = 128 + 70 * np.sin(x / (31 + 7 * c) + seed) * np.cos(y / (23 + 5 * c))
        for _ in range(9):
            at, size, shade = rng.uniform(0, (w, h)), rng.uniform(1, 5 + max(w, h) / 5), rng.uniform(-90, 90)
            p += shade * (np.hypot(x - at[0], y - at[1]) < size)
        planes.append(p)
    p = np.stack(planes, -1) + rng.normal(0, 2, (h, w, 1))
    return p.clip(0, 255).round().astype(np.uint8)


def photographs():
    """Pictures of the sizes and kinds that data sets have, larger than the crops."""
    out = HERE / "photos"
    out.mkdir(exist_ok=True)
    for i, (name, w, h, options) in enumerate([
        ("landscape_420", 500, 375, dict(subsampling=2)),
        ("portrait_444", 333, 500, dict(subsampling=0)),
        ("progressive_420", 500, 375, dict(subsampling=2, progressive=True)),
        ("progressive_444", 400, 300, dict(subsampling=0, progressive=True)),
        ("odd_223x331", 223, 331, dict(subsampling=2)),
        ("tiny_17x9", 17, 9, dict(subsampling=2)),
        ("wide_1201x57", 1201, 57, dict(subsampling=1)),
        ("truncated", 300, 200, dict(subsampling=0)),
    ]):
        Image.fromarray(photograph(w, h, 3, i)).save(out / f"{name}.jpg", quality=50, **options)
    whole = (out / "truncated.jpg").read_bytes()
    (out / "truncated.jpg").write_bytes(whole[: len(whole) * 2 // 3])
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned, which Pillow does only when asked to
    Image.fromarray(photograph(320, 240, 3, 8)).save(out / "turned.jpg", quality=50, exif=exif)
    Image.fromarray(photograph(320, 280, 1, 9)[..., 0]).save(out / "grey_large.jpg", quality=50)
    Image.fromarray(photograph(280, 240, 4, 10), "CMYK").save(out / "cmyk_large.jpg", quality=60)
    Image.fromarray(photograph(301, 203, 3, 11)).quantize(64).save(out / "palette_large.png")
    rgba = photograph(161, 103, 4, 12)
    Image.fromarray(rgba & 0xF8).save(out / "alpha_large.png")


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
    photographs()


if __name__ == "__main__":
    main()
