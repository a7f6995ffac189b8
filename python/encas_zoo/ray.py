"""A bundle on Ray: an application of Ray Serve, and a map of Ray Data.

    from ray import serve
    from encas_zoo.ray import application, answers

    serve.run(application("bundle"))                        # curl --data-binary @a.jpg 127.0.0.1:8000
    answers(ray.data.read_images("photos"), "bundle")       # adds class, name, confidence and stage

The folder of the bundle must be at the same path on every machine.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any, Mapping

import numpy as np
from numpy.typing import NDArray

try:
    import ray  # noqa: F401
    from ray import serve
except ImportError as missing:
    raise ImportError("encas_zoo.ray needs Ray: pip install 'encas-zoo[ray]'") from missing

from ._bundle import Bundle, load
from ._image import open_image, pixels

if TYPE_CHECKING:
    from ray.data import Dataset
    from ray.serve import Application
    from starlette.requests import Request

MAX_BODY = 64 << 20
"""The largest image, in bytes, that a request may have."""


def application(
    folder: str | os.PathLike[str], *, batch_size: int = 32, batch_wait: float = 0.01, device: str = "cpu",
    options: Mapping[int, Mapping[str, Any]] | None = None, **ingress: Any,
) -> "Application":
    """Returns a bundle as an application of Ray Serve.

    Each stage is a deployment of its own, batched and scaled apart from the others; what takes
    requests is another, that asks the first stage, and the next ones only if they are reached.
    A request is an image in its body; the answer is JSON with class, name, confidence and stage.
    A handle has the method ``answer``, from the bytes of an image to the same as a dictionary.

    Args:
        folder: of the bundle.
        batch_size: the largest batch of a model.
        batch_wait: how long, in seconds, an image waits for others.
        device: of the models, such as ``cuda``.
        options: for each stage, from 0, options of its deployment, such as
            ``{1: {"num_replicas": 2, "ray_actor_options": {"num_gpus": 1}}}``.
        ingress: options of the deployment that takes requests.

    Raises:
        ValueError: the bundle has no files of its models, or they are other files.
    """
    bundle = load(folder)
    folder = os.path.abspath(folder)
    first: dict[str, int] = {}
    for k, stage in enumerate(bundle.cascade.stages):
        bundle.read_model(stage.model)
        first.setdefault(stage.model, k)

    class Stage:
        """Runs the model of a stage on batches of images."""

        def __init__(self, k: int):
            self.bundle, self.k = load(folder), k
            name = self.bundle.cascade.stages[k].model
            self.model = self.bundle._load(name, device)
            self.setting = self.bundle._stage(k)["input"]

        @serve.batch(max_batch_size=batch_size, batch_wait_timeout_s=batch_wait)  # type: ignore[untyped-decorator, unused-ignore]
        async def run(self, images: list[bytes]) -> list[NDArray[np.float16] | str]:
            return await asyncio.to_thread(self._run, images)

        def _run(self, images: list[bytes]) -> list[NDArray[np.float16] | str]:
            """Returns probabilities or, of what is no image, why not: it must not fail the others."""
            out: list[Any] = []
            batch = []
            for image in images:
                try:
                    batch.append(pixels(open_image(image), self.setting))
                    out.append(None)
                except Exception as e:  # whatever a decoder says
                    out.append(f"the image cannot be read: {e}")
            rows = iter(self.bundle.run_model(self.k, np.stack(batch), device=device, model=self.model) if batch else ())
            return [next(rows) if o is None else o for o in out]

    class Cascade:
        """Takes requests, and asks stage after stage."""

        def __init__(self, *stages: Any):
            self.bundle = load(folder)
            self.stages = dict(zip(first, stages))

        async def answer(self, image: bytes) -> dict[str, Any]:
            cascade, combiner = self.bundle.cascade, self.bundle.combiner()
            rows: dict[str, NDArray[np.float16]] = {}
            for k, stage in enumerate(cascade.stages):
                if stage.model not in rows:
                    row = await self.stages[stage.model].run.remote(image)
                    if isinstance(row, str):
                        raise ValueError(row)
                    rows[stage.model] = row
                combiner.add(k, rows[stage.model][None])
                classes, confidence, exits = combiner.decide(k)
                if exits[0]:
                    break
            number = int(classes[0])
            answer: dict[str, Any] = {"class": number, "confidence": float(confidence[0]), "stage": k + 1}
            if cascade.names is not None:
                answer["name"] = cascade.names[number]
            return answer

        async def __call__(self, request: "Request") -> Any:
            from starlette.responses import JSONResponse

            body = b""
            async for part in request.stream():
                body += part
                if len(body) > MAX_BODY:
                    return JSONResponse({"error": f"the image is larger than {MAX_BODY >> 20} MB"}, 413)
            try:
                return await self.answer(body)
            except ValueError as e:
                return JSONResponse({"error": str(e)}, 400)

    def deployment(kind: type, name: str, more: Mapping[str, Any]) -> Any:
        return serve.deployment(kind).options(name=name, **more)

    stages = [
        deployment(Stage, f"stage {k + 1}", {"max_ongoing_requests": 4 * batch_size, **(options or {}).get(k, {})}).bind(k) for k in first.values()
    ]
    return deployment(Cascade, "cascade", {"max_ongoing_requests": 8 * batch_size, **ingress}).bind(*stages)


def answers(
    dataset: "Dataset", folder: str | os.PathLike[str], *, column: str = "image", batch_size: int = 256, device: str = "cpu",
    model_batch_size: int = 32, concurrency: Any = 1, **options: Any,
) -> "Dataset":
    """Adds what a bundle answers to a data set of Ray Data: ``class``, ``name``, ``confidence`` and ``stage``.

    Args:
        dataset: with a column of images: pixels, [height, width, 3] of uint8, as
            ``ray.data.read_images`` gives them; bytes of files; or paths.
        folder: of the bundle.
        column: of the images, which is left out of the result.
        batch_size: images that are answered together.
        device: of the models, such as ``cuda``.
        model_batch_size: the largest batch of a model.
        concurrency: actors, a number or a range, each with all models.
        options: of ``map_batches``, such as ``num_gpus=1``.
    """
    load(folder)  # says what is wrong with it here
    return dataset.map_batches(
        _Answering, fn_constructor_args=(os.path.abspath(folder), column, device, model_batch_size), batch_size=batch_size,
        concurrency=concurrency, **options,
    )


class _Answering:
    """Answers batches of a data set."""

    def __init__(self, folder: str, column: str, device: str, batch_size: int):
        self.bundle: Bundle = load(folder)
        self.column, self.device, self.batch_size = column, device, batch_size
        self.bundle.models(device)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        images = list(batch.pop(self.column))
        got = self.bundle.predict(images, batch_size=self.batch_size, device=self.device)
        columns = got._columns()
        return {**batch, **{k: np.asarray(columns[k]) for k in ("class", "name", "confidence", "stage")}}
