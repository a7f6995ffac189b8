"""Trains a supernet's file by Python's own SGD, for TestTraining.

    training.py FILE PLANS PRECISION OUT

PLANS is the JSON of a list of batches, each a list of plans whose gradients are summed: the
first learns the labels, the others what it answered. OUT receives each parameter and buffer
after a line "BYTES NAME TYPE SHAPE", and after all of them a line with the losses.
"""
import json
import sys

import torch
import torch.nn.functional as F

BATCH, CLASSES, RATE = 8, 10, 0.05


def pixels(first, side):
    n = torch.arange(BATCH * side * side * 3, dtype=torch.int64)
    # As uint64 in Go: no product here is as large as 2**63.
    return (((first + n) * 2654435761 >> 13) & 255).to(torch.uint8).view(BATCH, side, side, 3)


def prepared(first, side):
    x = pixels(first, side).permute(0, 3, 1, 2).contiguous().float().div_(255)
    half = torch.full((3, 1, 1), 0.5)
    return x.sub_(half).div_(half).contiguous(memory_format=torch.channels_last)


def targets(batch):
    """Two classes an image, by three quarters and one."""
    t = torch.zeros(BATCH, CLASSES)
    for i in range(BATCH):
        t[i, (batch + i) % CLASSES] += 0.75
        t[i, (batch + 3 * i) % CLASSES] += 0.25
    return t


def main():
    file, plans, precision, out = sys.argv[1:]
    torch.set_num_threads(1)
    torch._C._set_graph_executor_optimize(False)
    net = torch.jit.load(file)
    trained = [p.requires_grad_(True) for p in net.parameters() if p.numel() > 0]
    optimizer = torch.optim.SGD(trained, lr=RATE, momentum=0.9, weight_decay=1e-3, nesterov=True)
    losses = []
    for batch, some in enumerate(json.loads(plans)):
        wanted = targets(batch)
        optimizer.zero_grad(set_to_none=True)
        for plan in some:
            weights, _ = net.cut(plan)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
                logits = net.observe(prepared(1000 * batch, plan[0]), plan, weights, False)[0]
            logits = logits.float()
            loss = F.cross_entropy(logits, wanted)
            loss.backward()
            losses.append(loss.item())
            wanted = logits.detach().softmax(1)
        optimizer.step()
    with open(out, "wb") as f:
        for name, t in net.state_dict().items():
            data = t.detach().contiguous().numpy().tobytes()
            f.write(f"{len(data)} {name} {t.dtype} {tuple(t.shape)}\n".encode() + data)
        f.write(json.dumps(losses).encode() + b"\n")


main()
