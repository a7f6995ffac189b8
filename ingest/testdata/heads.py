"""Makes TorchScript models of 8 x 8 images as people save them, right and wrong.

    python3 heads.py OUT

See TestHeads."""
import sys
from pathlib import Path

import torch
from torch import nn

OUT = Path(sys.argv[1])
OUT.mkdir(exist_ok=True)
CLASSES = 5
torch.manual_seed(3)


def net(*end):
    torch.manual_seed(4)  # one set of weights for all of them
    layers = [nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(288, CLASSES)]
    layers[-1].weight.data *= 4
    return nn.Sequential(*layers, *end).eval()


class With(nn.Module):
    "A network and what is done with its outputs."

    def __init__(self, f, model=None):
        super().__init__()
        self.model = model or net()
        self.f = f

    def forward(self, x):
        return self.f(self.model(x))


class Flat(nn.Module):
    "Takes the batch size of its trace for a number."

    def __init__(self):
        super().__init__()
        self.model = net()

    def forward(self, x):
        return self.model[4](self.model[:3](x).reshape(int(x.shape[0]), -1))


class Norms(nn.Module):
    "Compares an image with the others of its batch."

    def __init__(self):
        super().__init__()
        self.model = net()

    def forward(self, x):
        return self.model(x - x.mean(0, keepdim=True))


def save(name, model, n=2):
    with torch.no_grad():
        torch.jit.trace(model, torch.rand(n, 3, 8, 8), check_trace=False).save(str(OUT / f"{name}.pt"))


save("logits", net())
save("softmax", net(nn.Softmax(1)))
save("logsoftmax", net(nn.LogSoftmax(1)))
save("sigmoid", net(nn.Sigmoid()))
save("percents", With(lambda y: 100 * y.softmax(1)))
save("between", With(lambda y: y.softmax(1) * 0.7 + 0.1))  # in [0, 1], and sums to 1.2
save("flat", With(lambda y: y * 0))
save("few", With(lambda y: y[:, :4]))
save("one", With(lambda y: y[:, :1]))
save("features", With(lambda y: y.repeat(1, 77)[:, :384]))
save("map", net()[:3])
save("dropout", nn.Sequential(net(), nn.Dropout(0.3)).train().requires_grad_(False))
save("norm", net().train().requires_grad_(False))
save("noise", With(lambda y: y + 0.05 * torch.randn_like(y)))
save("batch", Norms())
save("single", Flat(), 1)

scripted = net()
scripted.insert(4, nn.Dropout(0.4))
torch.jit.script(scripted.train()).save(str(OUT / "scripted.pt"))  # eval() by whoever loads it

dynamic = torch.quantization.quantize_dynamic(net(), {nn.Linear}, dtype=torch.qint8)
save("dynamic", dynamic)


class Quantized(nn.Module):
    "A quantised network, which may take the batch size of its trace for a number."

    def __init__(self, single):
        super().__init__()
        torch.manual_seed(6)
        self.quant, self.conv, self.relu = torch.quantization.QuantStub(), nn.Conv2d(3, 8, 3, padding=1, stride=2), nn.ReLU()
        self.linear, self.dequant = nn.Linear(128, CLASSES), torch.quantization.DeQuantStub()
        self.single = single
        self.eval()
        self.qconfig = torch.quantization.get_default_qconfig(torch.backends.quantized.engine)
        torch.quantization.fuse_modules(self, [["conv", "relu"]], inplace=True)
        torch.quantization.prepare(self, inplace=True)
        for _ in range(4):
            self(torch.randn(4, 3, 8, 8))
        torch.quantization.convert(self, inplace=True)

    def forward(self, x):
        x = self.relu(self.conv(self.quant(x)))
        return self.dequant(self.linear(x.reshape(int(x.shape[0]), -1) if self.single else x.flatten(1)))


save("quantized", Quantized(False), 1)
save("quantized-single", Quantized(True), 1)
