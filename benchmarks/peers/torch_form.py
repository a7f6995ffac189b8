"""The published evaluation in torch on the CPU: one tensor of all outputs, a
running sum over all samples, and masks for the samples that have left."""

import platform
import sys

import peer  # first: it fixes the number of threads
import torch


class Form:
    def __init__(self, zoo):
        self.labels = torch.from_numpy(zoo.labels)
        self.outputs = torch.empty(zoo.outputs.shape, dtype=torch.float32)
        for i, rows in enumerate(zoo.outputs):
            self.outputs[i] = torch.from_numpy(rows.copy())
        # Kept between cascades: fresh memory of this size costs more than the sums.
        self.total = torch.empty(zoo.outputs.shape[1:])
        self.mean = torch.empty(zoo.outputs.shape[1:])

    @torch.no_grad()
    def evaluate(self, models, thresholds):
        pending = torch.ones(len(self.labels), dtype=torch.bool)
        total = self.total.zero_()
        correct, reach = 0, []
        for j, model in enumerate(models):
            reach.append(int(pending.sum()))
            total += self.outputs[model]
            confidence, prediction = torch.div(total, j + 1, out=self.mean).max(dim=1)
            leaves = pending
            if j < len(thresholds):
                leaves = pending & (confidence > float(thresholds[j]))
            correct += int((prediction[leaves] == self.labels[leaves]).sum())
            pending = pending & ~leaves
        return correct, reach


if __name__ == "__main__":
    zoo = peer.Zoo(sys.argv[1])
    form = Form(zoo)
    about = f"torch {torch.__version__}, Python {platform.python_version()}"
    peer.serve(zoo, form.evaluate, about, torch.set_num_threads)
