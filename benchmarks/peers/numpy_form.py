"""The reference evaluation in numpy, as fast as we could make it on one thread."""

import platform
import sys

import peer  # first: it fixes the number of threads
import numpy as np


class Form:
    def __init__(self, zoo):
        m, n, c = zoo.outputs.shape
        self.labels = zoo.labels
        self.outputs = np.empty((m, n, c), np.float32)
        self.top = np.empty((m, n), np.float32)
        self.right = np.empty((m, n), bool)
        for i in range(m):
            self.outputs[i] = zoo.outputs[i]
            best = self.outputs[i].argmax(axis=1)
            self.top[i] = np.take_along_axis(self.outputs[i], best[:, None], axis=1)[:, 0]
            self.right[i] = best == self.labels
        # Two buffers for sums and one for rows, so that nothing large is allocated.
        self.buffers = [np.empty((n, c), np.float32) for _ in range(3)]

    def evaluate(self, models, thresholds):
        n = len(self.labels)
        first = models[0]
        if not thresholds:
            return int(self.right[first].sum()), [n]
        stays = self.top[first] <= thresholds[0]
        correct = int(self.right[first].sum() - self.right[first][stays].sum())
        active = np.flatnonzero(stays)
        reach = [n, len(active)]

        total, spare, rows = self.buffers
        np.take(self.outputs[first], active, axis=0, out=total[:len(active)], mode="clip")
        for j, model in enumerate(models[1:], start=1):
            a = len(active)
            s, r = total[:a], rows[:a]
            np.take(self.outputs[model], active, axis=0, out=r, mode="clip")
            s += r
            best = s.argmax(axis=1)
            right = best == self.labels[active]
            if j == len(models) - 1:
                return correct + int(right.sum()), reach
            mean = s[np.arange(a), best] / np.float32(j + 1)
            keep = np.flatnonzero(mean <= thresholds[j])
            correct += int(right.sum() - right[keep].sum())
            active = active[keep]
            reach.append(len(active))
            if len(keep) < a:
                np.take(s, keep, axis=0, out=spare[:len(keep)], mode="clip")
                total, spare = spare, total


if __name__ == "__main__":
    zoo = peer.Zoo(sys.argv[1])
    form = Form(zoo)
    about = f"numpy {np.__version__}, Python {platform.python_version()}"
    peer.serve(zoo, form.evaluate, about)
