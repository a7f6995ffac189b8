"""From an image to the pixels that a model sees: Pillow's, as timm prepares them."""

from __future__ import annotations

import io
import math
import os
from typing import TYPE_CHECKING, Any, Mapping

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

FILTERS = ("bilinear", "bicubic", "lanczos")
MODES = ("center", "squash", "border", "floor")


def is_image(images: Any) -> bool:
    """Reports whether this is one image, as ``open_image`` takes it, and not several."""
    pixels = isinstance(images, np.ndarray) and images.dtype == np.uint8 and images.ndim == 3 and images.shape[2] in (3, 4)
    return pixels or isinstance(images, (str, bytes, os.PathLike)) or hasattr(images, "convert")


def open_image(image: Any) -> "Image":
    """Returns an image in RGB.

    Args:
        image: one of Pillow, the path or the bytes of a file, or pixels, [height, width, 3] of uint8.
    """
    if hasattr(image, "convert"):
        return image.convert("RGB")
    try:
        from PIL import Image
    except ImportError as missing:
        raise ImportError("images need Pillow: pip install 'encas-zoo[torch]'") from missing
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or not (image.ndim == 2 or image.ndim == 3 and image.shape[2] in (3, 4)):
            raise ValueError(f"pixels of {image.dtype} and shape {image.shape} are no image: they must be uint8, (height, width, 3)")
        return Image.fromarray(image).convert("RGB")
    if isinstance(image, (str, os.PathLike)) and os.path.isdir(image):
        raise ValueError(f"it is a folder: pass the paths of its images, such as sorted(pathlib.Path({os.fspath(image)!r}).iterdir())")
    with Image.open(io.BytesIO(image) if isinstance(image, bytes) else image) as opened:
        return opened.convert("RGB")


def check_input(setting: Mapping[str, Any]) -> None:
    """Raises ValueError for a setting that no model can have."""
    if not all(isinstance(setting[k], int) and 1 <= setting[k] <= 8192 for k in ("height", "width")):
        raise ValueError(f"input size {setting['height']}x{setting['width']} is not within 1..8192")
    if not 0.01 <= setting["crop_pct"] <= 10:
        raise ValueError(f"crop_pct {setting['crop_pct']} is not within 0.01..10")
    if setting["crop_mode"] not in MODES or setting["interpolation"] not in FILTERS:
        raise ValueError(f"crop_mode {setting['crop_mode']!r} is none of {MODES}, or interpolation {setting['interpolation']!r} none of {FILTERS}")
    if len(setting["mean"]) != 3 or len(setting["std"]) != 3 or not all(s > 0 for s in setting["std"]):
        raise ValueError(f"mean {setting['mean']} and std {setting['std']} cannot be")


def pixels(image: "Image", setting: Mapping[str, Any]) -> NDArray[np.uint8]:
    """Returns the pixels of an image in RGB, [height, width, 3], resized and cropped."""
    from PIL import Image

    height, width, mode = setting["height"], setting["width"], setting["crop_mode"]
    w, h = _resized(image.width, image.height, setting)
    if (w, h) != image.size:
        image = image.resize((w, h), getattr(Image.Resampling, setting["interpolation"].upper()))
    x0, x1, at_x = _window(mode, w, width)
    y0, y1, at_y = _window(mode, h, height)
    cropped = np.asarray(image)[y0:y1, x0:x1]
    if cropped.shape[:2] == (height, width):
        return cropped
    fill = [0, 0, 0]
    if mode == "border":
        fill = setting.get("fill") or [min(max(round(255 * v), 0), 255) for v in setting["mean"]]
    out = np.empty((height, width, 3), np.uint8)
    out[:] = np.array(fill, np.uint8)
    out[at_y : at_y + y1 - y0, at_x : at_x + x1 - x0] = cropped
    return out


def _resized(w: int, h: int, setting: Mapping[str, Any]) -> tuple[int, int]:
    """Returns the size before the crop: timm's formulas, rounding included."""
    th = math.floor(setting["height"] / setting["crop_pct"])
    tw = math.floor(setting["width"] / setting["crop_pct"])
    mode = setting["crop_mode"]
    if mode == "squash":
        return max(tw, 1), max(th, 1)
    if mode in ("center", "floor") and th == tw:
        return (tw, int(float(tw * h) / w)) if w <= h else (int(float(th * w) / h), th)
    both = h / th, w / tw
    ratio = max(both) if mode == "border" else min(both)
    return max(round(w / ratio), 1), max(round(h / ratio), 1)


def _window(mode: str, size: int, crop: int) -> tuple[int, int, int]:
    """Places resized pixels on cropped ones along one axis: from, to, and where they land."""
    if crop > size:
        return 0, size, (crop - size) // 2
    start = (size - crop) // 2 if mode == "floor" else round((size - crop) / 2)
    return start, start + crop, 0
