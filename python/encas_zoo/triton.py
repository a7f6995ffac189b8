"""The model ``cascade`` of a model repository that ``encas-zoo export --format triton`` writes.

Triton's Python backend imports it. It takes images, and asks the models of the stages: each only
for the images that reach it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable, Mapping

import numpy as np
import triton_python_backend_utils as pb_utils  # a part of Triton

from ._bundle import load, probabilities
from ._image import open_image, pixels


class TritonPythonModel:
    """Answers batches of requests."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Reads the bundle, which is in the folder of this model's version."""
        self.bundle = load(Path(args["model_repository"]) / args["model_version"])
        self.batch = int(json.loads(args["model_config"])["parameters"]["stage_batch"]["string_value"])
        files: dict[str, str] = {}
        self.names: dict[str, str] = {}  # of the model of each stage in the repository
        for k, stage in enumerate(self.bundle.json["stages"]):
            self.names[stage["model"]] = files.setdefault(stage["file"]["path"], f"stage_{k + 1}")

    def execute(self, requests: list[Any]) -> list[Any]:
        """Returns a response to each request: class, name, confidence and stage of its images, [N, 1] each."""
        opened: list[list[Any] | None] = []
        responses: list[Any] = [None] * len(requests)
        for i, request in enumerate(requests):
            images = pb_utils.get_input_tensor_by_name(request, "image").as_numpy()
            try:
                opened.append([open_image(bytes(b)) for b in images.reshape(-1)])
            except Exception as e:  # whatever a decoder says of what is no image
                opened.append(None)
                responses[i] = _error(f"an image cannot be read: {e}")
        every = [image for some in opened if some is not None for image in some]
        try:
            answers = self.bundle.cascade.answers({m: self._function(m) for m in self.bundle.cascade.models}, every)
        except Exception as e:
            return [r or _error(str(e)) for r in responses]
        columns = answers._columns()
        names = {"class": np.int32, "name": object, "confidence": np.float64, "stage": np.int32}
        at = 0
        for i, images in enumerate(opened):
            if images is None:
                continue
            rows = slice(at, at + len(images))
            at += len(images)
            responses[i] = pb_utils.InferenceResponse(
                [pb_utils.Tensor(name, np.asarray(columns[name])[rows].astype(kind).reshape(-1, 1)) for name, kind in names.items()]
            )
        return responses

    def _function(self, model: str) -> Callable[[Any], Any]:
        """Returns what runs a stage's model, in batches that it takes, on images."""
        stage = self.bundle._stage(model)
        mean, std = (np.array(stage["input"][k], np.float32).reshape(3, 1, 1) for k in ("mean", "std"))

        def run(images: Any) -> Any:
            rows = [np.zeros((0, self.bundle.json["classes"]), np.float16)]
            for start in range(0, len(images), self.batch):
                batch = np.stack([pixels(i, stage["input"]) for i in images[start : start + self.batch]])
                x = (batch.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255) - mean) / std
                asked = pb_utils.InferenceRequest(
                    model_name=self.names[model], requested_output_names=["OUTPUT__0"], inputs=[pb_utils.Tensor("INPUT__0", np.ascontiguousarray(x))]
                )
                said = asked.exec()
                if said.has_error():
                    raise RuntimeError(f"{self.names[model]}: {said.error().message()}")
                raw = pb_utils.get_output_tensor_by_name(said, "OUTPUT__0").as_numpy()
                rows.append(probabilities(raw.astype(np.float32), stage["outputs"], self.bundle.json["classes"], model))
            return np.concatenate(rows)

        return run


def _error(text: str) -> Any:
    return pb_utils.InferenceResponse([], pb_utils.TritonError(text))
