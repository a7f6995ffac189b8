"""Compiles models that a trace alone gets wrong; see TestFreeze."""
import sys

import torch

sys.dont_write_bytecode = True
sys.path.insert(0, ".")
import export


class Batch(torch.nn.Module):
    "Takes the batch size for a number, as conditional convolutions do."

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(4, 3, 1, 1))

    def forward(self, x):
        b, c, h, w = x.shape
        weight = self.weight.repeat(b, 1, 1, 1)
        y = torch.nn.functional.conv2d(x.reshape(1, b * c, h, w), weight, groups=b)
        return y.reshape(b, 4, h * w).mean(2)


class Python(Batch):
    "Does so in a way that cannot be scripted either."
    def forward(self, x):
        return super().forward(x).add(*[len(x)])


class Broadcast(torch.nn.Module):
    def forward(self, x):
        return torch.zeros([1 if len(x) == 1 else 2, 5])


class Flat(torch.nn.Module):
    def forward(self, x):
        return x.sum()


picture = lambda n: torch.randn(n, 3, 2, 2)
for model in (Batch(), Python(), Broadcast(), Flat()):
    trace = lambda: torch.jit.trace(model, picture(2), check_trace=False)
    for ways in ([trace], [trace, lambda: torch.jit.script(model)]):
        try:
            with torch.no_grad():
                print(type(model).__name__, len(ways), export.freeze(model.eval(), picture, *ways)[1])
        except Exception as err:
            print(type(model).__name__, len(ways), "refused:", str(err).splitlines()[-1])
