"""Stands in for what Triton's Python backend brings: a model of the repository is TorchScript on the CPU."""

from __future__ import annotations

from pathlib import Path

import torch

REPOSITORY: Path
BATCHES: list[tuple[str, int]] = []


class Tensor:
    def __init__(self, name, array):
        self._name, self._array = name, array

    def name(self):
        return self._name

    def as_numpy(self):
        return self._array


class TritonError:
    def __init__(self, text):
        self._text = text

    def message(self):
        return self._text


class InferenceResponse:
    def __init__(self, output_tensors, error=None):
        self.tensors, self._error = output_tensors, error

    def has_error(self):
        return self._error is not None

    def error(self):
        return self._error


class InferenceRequest:
    def __init__(self, *, model_name, requested_output_names, inputs):
        self.model, self.outputs, self.tensors = model_name, requested_output_names, inputs

    def exec(self):
        x = self.tensors[0].as_numpy()
        BATCHES.append((self.model, len(x)))
        model = torch.jit.load(str(REPOSITORY / self.model / "1" / "model.pt"))
        return InferenceResponse([Tensor(self.outputs[0], model(torch.from_numpy(x)).detach().numpy())])


def _by_name(tensors, name):
    return next(t for t in tensors if t.name() == name)


def get_input_tensor_by_name(request, name):
    return _by_name(request.tensors, name)


def get_output_tensor_by_name(response, name):
    return _by_name(response.tensors, name)
