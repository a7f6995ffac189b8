"""Bundles: a cascade with everything needed to run it, as ``encas-zoo export --format bundle`` writes it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from . import _image
from ._cascade import Answers, Cascade, Combiner, Measured, Stage
from ._front import estimate
from ._program import InputError

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

_MAX_JSON = 64 << 20
_ACTIVATIONS = ("softmax", "none", "log", "sigmoid", "sigmoid, applied by the model")
_PRECISIONS = ("fp32", "bf16", "fp16")


def load(folder: str | os.PathLike[str]) -> "Bundle":
    """Reads a bundle. The models are loaded when they are needed.

    Args:
        folder: of the bundle.

    Raises:
        FileNotFoundError: it is no bundle.
        ValueError: it is damaged, or was written by a newer encas-zoo.
    """
    return Bundle(folder)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _sealed(text: str, content: Any) -> bool:
    """Whether the file is what its checksum says, if it has one: the SHA-256 of the file without it."""
    if not isinstance(content, dict) or "checksum" not in content:
        return True
    field = re.match(r'\{\s*"checksum": "([0-9a-f]{64})",', text)
    return field is not None and field[1] == _sha256("{" + text[field.end() :])


class Bundle:
    """A cascade and the models it consists of.

    Attributes:
        folder: of the bundle.
        cascade: the cascade.
        classes: names of the classes, from class 0 on; None if they have none.
        promise: what the cascade is measured against: split, n, accuracy, accuracy_95, cost and reach.
        certified: the claims that were certified of it.
        json: all of ``cascade.json``.
    """

    def __init__(self, folder: str | os.PathLike[str]):
        self.folder = Path(folder)
        path = self.folder / "cascade.json"
        if not path.is_file():
            raise FileNotFoundError(f"{folder} is not a bundle: it has no cascade.json; encas-zoo export --format bundle makes one")
        if path.stat().st_size > _MAX_JSON:
            raise ValueError(f"{path} is larger than any cascade's")
        try:
            text = path.read_text(encoding="utf-8")
            self.json: dict[str, Any] = json.loads(text)
            if not _sealed(text, self.json):
                raise ValueError("its checksum is wrong: the file was damaged or edited since it was written; export the bundle again")
            self._check()
            names = self.folder / "classes.txt"
            self.classes: tuple[str, ...] | None = None
            if names.is_file():
                text = names.read_text(encoding="utf-8")
                if self.json.get("classes_sha256", _sha256(text)) != _sha256(text):
                    raise ValueError("classes.txt is not what was written: its SHA-256 is another")
                self.classes = tuple(text.removesuffix("\n").split("\n"))
                if len(self.classes) != self.json["classes"]:
                    raise ValueError(f"classes.txt has {len(self.classes)} names, and the cascade {self.json['classes']} classes")
            elif "classes_sha256" in self.json:
                raise ValueError("classes.txt is missing")
            self.cascade = self._cascade()
        except (KeyError, TypeError, AttributeError, UnicodeDecodeError, json.JSONDecodeError) as e:
            raise ValueError(f"{path} is damaged: {type(e).__name__}: {e}") from e
        except ValueError as e:
            raise ValueError(f"{path}: {e}") from e
        self._loaded: dict[str, dict[str, torch.jit.ScriptModule]] = {}

    def _check(self) -> None:
        j = self.json
        if j.get("format") != "encas-zoo cascade":
            raise ValueError(f"it is no cascade: its format is {str(j.get('format'))[:40]!r}")
        if j["version"] != 1:
            raise ValueError(f"it has version {j['version']}, and this encas-zoo reads version 1: use a newer one")
        for s in j["stages"]:
            if "file" not in s:
                continue
            where = PurePosixPath(s["file"]["path"])
            if where.is_absolute() or len(where.parts) != 2 or where.parts[0] != "models" or ".." in where.parts or "\\" in str(where):
                raise ValueError(f"the file {str(where)[:200]!r} is not in models")
            _image.check_input(s["input"])
            out = s["outputs"]
            if out["activation"] not in _ACTIVATIONS or s["precision"] not in _PRECISIONS:
                raise ValueError(f"there is no activation {out['activation']!r} or no precision {s['precision']!r}")
            if any(not -1 <= c < j["classes"] for c in out.get("class_map") or []) or any(not 0 <= o < j["classes"] for o in out.get("order") or []):
                raise ValueError(f"{s['model']!r}: outputs of classes that there are not")

    def _cascade(self) -> Cascade:
        j, m = self.json, self.json["measured"]
        p = j.get("promise")
        stages = tuple(
            Stage(s["model"], s["weight"], s.get("threshold"), s["cost"], round(s["reach"] * m["n"]), s.get("temperature")) for s in j["stages"]
        )
        return Cascade(
            stages, rule=j["rule"], confidence=j["confidence"], classes=j["classes"], names=self.classes, cost_unit=j["cost"],
            number=j["number"], expected=estimate(j.get("expected")),
            searched=Measured(m["n"], m["correct"], m["accuracy"], m["cost"], tuple(s.reach or 0 for s in stages)),
            test=None if p is None or p["split"] == m["split"] else Measured(
                p["n"], p["correct"], p["accuracy"], p["cost"], tuple(p["reach"]), tuple(p["accuracy_95"])
            ),
        )

    @property
    def promise(self) -> Mapping[str, Any] | None:
        """What the cascade is measured against when it runs."""
        return self.json.get("promise")

    @property
    def certified(self) -> Sequence[Mapping[str, Any]]:
        """The claims that were certified of the cascade."""
        return self.json.get("certified") or []

    def _stage(self, stage: int | str) -> Mapping[str, Any]:
        """Returns what the bundle says of a stage, by its place from 0 or by its model."""
        stages = self.json["stages"]
        if isinstance(stage, str):
            found = [s for s in stages if s["model"] == stage]
            if not found:
                raise InputError(f"the cascade has no model {stage!r}; it has {', '.join(map(repr, self.cascade.models))}")
            s = found[0]
        else:
            s = stages[stage]
        if "file" not in s:
            raise ValueError(
                f"the bundle has no file of {s['model']!r}, because its predictions were imported: "
                "pass functions of your own to cascade.predict"
            )
        return s

    def read_model(self, stage: int | str) -> bytes:
        """Returns the TorchScript file of a stage's model, whose SHA-256 is that in ``cascade.json``.

        Raises:
            ValueError: it is another file, or the bundle has none.
        """
        f = self._stage(stage)["file"]
        path = self.folder.joinpath(*PurePosixPath(f["path"]).parts)
        if path.is_symlink() or path.parent.is_symlink():
            raise ValueError(f"{path} is a link: a bundle holds its files")
        if path.stat().st_size != f["bytes"]:
            raise ValueError(f"{path} has {path.stat().st_size} bytes instead of {f['bytes']}: it was cut short or changed; copy the bundle again")
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != f["sha256"]:
            raise ValueError(f"{path} is not the file that was exported (its SHA-256 differs): copy the bundle again")
        return data

    def models(self, device: str = "cpu") -> "dict[str, torch.jit.ScriptModule]":
        """Loads the models onto a device, by name. Each maps [N, 3, height, width] to its outputs.

        Raises:
            ImportError: torch is not installed.
            ValueError: a file is not the one that was exported, or the bundle has none.
        """
        if device not in self._loaded:
            self._loaded[device] = {name: self._load(name, device) for name in self.cascade.models}
        return self._loaded[device]

    def _load(self, name: str, device: str) -> "torch.jit.ScriptModule":
        data = self.read_model(name)
        model = _torch().jit.load(io.BytesIO(data), map_location=device)
        model.eval()
        return model

    def transform(self, stage: int | str) -> "Callable[[Image], Any]":
        """Returns what makes the input of a stage's model, [3, height, width], of an image of Pillow.

        The steps are those of timm's transforms for evaluation: resize, crop, ``/255``, normalise.

        Args:
            stage: its place in ``cascade.stages``, from 0, or the name of its model.

        Raises:
            ImportError: torch is not installed.
        """
        setting = self._stage(stage)["input"]
        torch = _torch()

        def transform(image: "Image") -> Any:
            return _normalised(torch, _image.pixels(_image.open_image(image), setting)[None], setting, "cpu")[0]

        return transform

    def probabilities(self, stage: int | str, images: Sequence[Any], *, device: str = "cpu") -> NDArray[np.float16]:
        """Runs a stage's model on a batch of images and returns the probabilities of the classes, [N, C]."""
        s = self._stage(stage)
        batch = np.stack([_image.pixels(_image.open_image(i), s["input"]) for i in images])
        return self.run_model(stage, batch, device=device)

    def run_model(self, stage: int | str, batch: NDArray[np.uint8], *, device: str = "cpu", model: Any = None) -> NDArray[np.float16]:
        """Runs a stage's model on pixels, [N, height, width, 3], and returns probabilities, [N, C].

        ``model`` takes the place of the one that ``models`` loads.
        """
        s = self._stage(stage)
        torch = _torch()
        if model is None:
            model = self.models(device)[s["model"]]
        with torch.no_grad(), torch.jit.optimized_execution(False), _autocast(torch, s["precision"], device):
            out = model(_normalised(torch, batch, s["input"], device))
            if isinstance(out, tuple):
                out = out[0]  # logits come first, auxiliary heads after
            out = out.float()
            # Softmax is torch's, in float32, as in an ingest.
            softmaxed = s["outputs"]["activation"] == "softmax" and not s["outputs"].get("class_map") and out.dim() == 2
            raw = (torch.softmax(out, 1) if softmaxed else out).cpu().numpy()
        return probabilities(raw, s["outputs"], self.json["classes"], s["model"], softmaxed=softmaxed)

    def predict(
        self, images: Iterable[Any], *, batch_size: int = 32, device: str = "cpu", window: int | None = None
    ) -> Answers:
        """Answers images.

        Later models run on full batches of what reaches them.

        Args:
            images: paths, images of Pillow, bytes of files, or pixels, [height, width, 3] of uint8;
                or one of these.
            batch_size: images that a model runs on at a time.
            device: such as ``cuda``.
            window: images that are held in memory at a time (default: 8 batches).

        Raises:
            ImportError: torch or Pillow is not installed.
            ValueError: the bundle has no files of its models, or they are other files; or an image
                cannot be read.
        """
        self.models(device)
        images = [images] if _image.is_image(images) else list(images)
        window = window or 8 * batch_size
        parts = [self._window(images, slice(at, at + window), batch_size, device) for at in range(0, max(1, len(images)), window)]
        def joined(field: str) -> NDArray[Any]:
            return np.concatenate([getattr(p, field) for p in parts])

        return Answers(
            joined("classes"), joined("confidence"), joined("stage"), joined("cost"), names=self.classes, stage_costs=parts[0].stage_costs,
            ids=[os.fspath(i) if isinstance(i, (str, os.PathLike)) else str(n) for n, i in enumerate(images)],
        )

    def _window(self, images: Sequence[Any], part: slice, batch_size: int, device: str) -> Answers:
        """Answers some of the images."""
        opened = []
        for number, image in enumerate(images[part], part.start):
            try:
                opened.append(_image.open_image(image))
            except FileNotFoundError:
                raise
            except Exception as e:  # whatever a decoder says of what is no image
                name = os.fspath(image) if isinstance(image, (str, os.PathLike)) else f"image {number}"
                raise ValueError(f"{name}: it cannot be read ({e}): replace it, or leave it out") from e

        def function(name: str) -> Callable[[Any], Any]:
            def run(some: Any) -> Any:
                batches = [self.probabilities(name, some[at : at + batch_size], device=device) for at in range(0, len(some), batch_size)]
                return np.concatenate(batches) if batches else np.zeros((0, self.json["classes"]), np.float16)

            return run

        return self.cascade.answers({m: function(m) for m in self.cascade.models}, opened)

    def combiner(self) -> Combiner:
        """Returns what sums outputs stage by stage, for an engine of your own."""
        return Combiner(self.cascade)

    def __repr__(self) -> str:
        return f"<Bundle {str(self.folder)!r}: {self.cascade!r}>"


def _torch() -> Any:
    try:
        import torch
    except ImportError as missing:
        raise ImportError("the models of a bundle need torch: pip install 'encas-zoo[torch]'") from missing
    return torch


def _autocast(torch: Any, precision: str, device: str) -> Any:
    kind = torch.device(device).type
    if precision == "fp32" or precision == "fp16" and kind == "cpu":
        if precision == "fp16":
            raise ValueError("float16 does not run on a CPU: this cascade's models were measured on a GPU; use device='cuda'")
        return torch.autocast(kind, enabled=False)
    return torch.autocast(kind, dtype={"bf16": torch.bfloat16, "fp16": torch.float16}[precision])


def _normalised(torch: Any, batch: NDArray[np.uint8], setting: Mapping[str, Any], device: str) -> Any:
    """Steps and roundings are those of torchvision's ToTensor and Normalize."""

    def channel(values: Sequence[float]) -> Any:
        return torch.tensor(values, dtype=torch.float32, device=device).reshape(3, 1, 1)

    x = torch.from_numpy(np.array(batch)).to(device).permute(0, 3, 1, 2).contiguous().to(torch.float32)
    return x.div_(255).sub_(channel(setting["mean"])).div_(channel(setting["std"]))


def probabilities(raw: NDArray[np.float32], outputs: Mapping[str, Any], classes: int, model: str, *, softmaxed: bool = False) -> NDArray[np.float16]:
    """Makes probabilities of what a model returned, [N, outputs], as ``encas-zoo ingest`` does.

    With ``softmaxed`` softmax has been applied already, where it is what is asked for.
    """
    order, class_map, activation = outputs.get("order"), outputs.get("class_map"), outputs["activation"]
    width = len(class_map or range(classes))
    if raw.ndim != 2 or raw.shape[1] != width:
        raise ValueError(f"model {model!r} returned outputs of shape {raw.shape}, and there are {width}")
    if order:
        raw = raw[:, order]
    if not np.isfinite(np.exp(raw.astype(np.float64)) if activation == "log" else raw).all():
        raise ValueError(f"model {model!r}: its output is not a number")
    if activation == "softmax":
        wide = raw.astype(np.float64)
        if class_map:
            wide[:, np.array(class_map) < 0] = -np.inf
        if not softmaxed:
            wide = np.exp(wide - wide.max(axis=1, keepdims=True))
            wide /= wide.sum(axis=1, keepdims=True)
    else:
        single = raw
        if activation == "log":
            single = np.exp(raw.astype(np.float64)).astype(np.float32)
        elif activation == "sigmoid":
            single = (1 / (1 + np.exp(-raw.astype(np.float64)))).astype(np.float32)
        elif (raw < 0).any() or (raw > 1).any():
            raise ValueError(f"model {model!r}: its outputs are not in [0, 1]")
        total = single.astype(np.float64).sum(axis=1, keepdims=True)
        if activation in ("none", "log") and (np.abs(total - 1) > 0.01).any() or not (total > 0).all():
            raise ValueError(f"model {model!r}: its probabilities do not sum to 1")
        wide = (single / total).astype(np.float32).astype(np.float64)
    if class_map:
        kept = np.zeros((len(wide), classes))
        for c, column in zip(class_map, wide.T):
            if c >= 0:
                kept[:, c] += column
        if min(class_map) < 0:
            kept /= kept.sum(axis=1, keepdims=True)
        wide = kept
    return wide.astype(np.float32).astype(np.float16)
