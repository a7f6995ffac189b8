"""Small convolutional networks in plain numpy, enough for 8x8 images.

A network is a list of layers. Activations are float32 arrays [n, height,
width, channels]. Every layer has forward(x, rng), where rng is None outside
training, and backward(gradient), which keeps the gradients of its own
parameters and returns the gradient of its input.
"""

import numpy as np

EPOCHS = 40
BATCH = 32
PEAK_RATE = 3e-3
WEIGHT_DECAY = 1e-4


class Layer:
    parameters = ()
    gradients = ()

    def operations(self, shape):
        """Multiply-adds for one sample of the given input shape."""
        return 0


class Conv(Layer):
    """A 3x3 convolution with zero padding, then ReLU."""

    def __init__(self, inputs, outputs, rng, stride=1):
        self.stride = stride
        scale = np.sqrt(2 / (9 * inputs))
        self.weight = (rng.standard_normal((9 * inputs, outputs)) * scale).astype(np.float32)
        self.bias = np.zeros(outputs, np.float32)
        self.parameters = (self.weight, self.bias)

    def windows(self, x):
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        view = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
        view = view[:, :: self.stride, :: self.stride].transpose(0, 1, 2, 4, 5, 3)
        n, height, width = view.shape[:3]
        return view.reshape(n * height * width, -1), (n, height, width)

    def forward(self, x, rng):
        columns, shape = self.windows(x)
        out = np.maximum(columns @ self.weight + self.bias, 0)
        if rng is not None:
            self.columns, self.positive, self.input_shape = columns, out > 0, x.shape
        return out.reshape(*shape, -1)

    def backward(self, gradient):
        shape = gradient.shape[:3]
        gradient = gradient.reshape(-1, gradient.shape[-1]) * self.positive
        self.gradients = (self.columns.T @ gradient, gradient.sum(0))
        columns = (gradient @ self.weight.T).reshape(*shape, 3, 3, -1)
        n, height, width, channels = self.input_shape
        padded = np.zeros((n, height + 2, width + 2, channels), np.float32)
        step = self.stride
        for i in range(3):
            for j in range(3):
                padded[:, i : i + step * shape[1] : step, j : j + step * shape[2] : step] += columns[:, :, :, i, j]
        return padded[:, 1:-1, 1:-1]

    def operations(self, shape):
        height, width, _ = self.output(shape)
        return height * width * self.weight.size

    def output(self, shape):
        return (-(-shape[0] // self.stride), -(-shape[1] // self.stride), self.bias.size)


class Pool(Layer):
    """The largest value of each 2x2 block."""

    def forward(self, x, rng):
        n, height, width, channels = x.shape
        blocks = x.reshape(n, height // 2, 2, width // 2, 2, channels)
        out = blocks.max(axis=(2, 4))
        if rng is not None:
            mask = blocks == out[:, :, None, :, None, :]
            self.share = mask / mask.sum(axis=(2, 4), keepdims=True, dtype=np.float32)
        return out

    def backward(self, gradient):
        spread = self.share * gradient[:, :, None, :, None, :]
        n, height, _, width, _, channels = spread.shape
        return spread.reshape(n, 2 * height, 2 * width, channels).astype(np.float32)

    def output(self, shape):
        return (shape[0] // 2, shape[1] // 2, shape[2])


class Dense(Layer):
    """A fully connected layer on the flattened input, after dropout."""

    def __init__(self, inputs, outputs, rng, relu=False, dropout=0.0):
        scale = np.sqrt((2 if relu else 1) / inputs)
        self.weight = (rng.standard_normal((inputs, outputs)) * scale).astype(np.float32)
        self.bias = np.zeros(outputs, np.float32)
        self.parameters = (self.weight, self.bias)
        self.relu = relu
        self.dropout = dropout

    def forward(self, x, rng):
        flat = x.reshape(len(x), -1)
        if rng is not None:
            self.input_shape = x.shape
            keep = rng.random(flat.shape, np.float32) >= self.dropout
            self.keep = keep / np.float32(1 - self.dropout)
            self.flat = flat = flat * self.keep
        out = flat @ self.weight + self.bias
        if self.relu:
            out = np.maximum(out, 0)
            self.positive = out > 0
        return out

    def backward(self, gradient):
        if self.relu:
            gradient = gradient * self.positive
        self.gradients = (self.flat.T @ gradient, gradient.sum(0))
        return ((gradient @ self.weight.T) * self.keep).reshape(self.input_shape)

    def operations(self, shape):
        return self.weight.size

    def output(self, shape):
        return (self.bias.size,)


def softmax(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def distort(images, rng):
    """Turns (up to 12 degrees), scales (8 %) and moves (0.6 pixels) each image, bilinearly."""
    n, height, width = images.shape
    angle = rng.uniform(-1, 1, (n, 1, 1)) * np.deg2rad(12)
    scale = 1 + rng.uniform(-1, 1, (n, 1, 1)) * 0.08
    move = rng.uniform(-0.6, 0.6, (2, n, 1, 1))
    y, x = np.meshgrid(np.arange(height) - (height - 1) / 2, np.arange(width) - (width - 1) / 2, indexing="ij")
    rows = (np.cos(angle) * y - np.sin(angle) * x) * scale + move[0] + (height - 1) / 2
    cols = (np.sin(angle) * y + np.cos(angle) * x) * scale + move[1] + (width - 1) / 2
    # One pixel of zeros around the image stands for everything outside it.
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    rows = np.clip(rows + 1, 0, height + 0.999)
    cols = np.clip(cols + 1, 0, width + 0.999)
    r, c = rows.astype(int), cols.astype(int)
    fr, fc = rows - r, cols - c
    k = np.arange(n)[:, None, None]
    out = (padded[k, r, c] * (1 - fr) + padded[k, r + 1, c] * fr) * (1 - fc)
    out += (padded[k, r, c + 1] * (1 - fr) + padded[k, r + 1, c + 1] * fr) * fc
    return out.astype(np.float32)


class ConvNet:
    """A classifier with the fit and predict_proba of scikit-learn.

    An entry of layout is the number of channels of a 3x3 convolution, a pair of
    it and a stride, or "pool". hidden is the width of the dense layer before
    the output, 0 for none; dropout is applied to the inputs of dense layers.
    """

    def __init__(self, layout, hidden=0, dropout=0.0, epochs=EPOCHS, seed=0):
        self.layout = layout
        self.hidden = hidden
        self.dropout = dropout
        self.epochs = epochs
        self.seed = seed

    def build(self, shape, classes, rng):
        layers = []
        for entry in self.layout:
            if entry == "pool":
                layer = Pool()
            elif isinstance(entry, tuple):
                layer = Conv(shape[2], entry[0], rng, stride=entry[1])
            else:
                layer = Conv(shape[2], entry, rng)
            shape = layer.output(shape)
            layers.append(layer)
        size = int(np.prod(shape))
        if self.hidden:
            layers.append(Dense(size, self.hidden, rng, relu=True, dropout=self.dropout))
            size = self.hidden
        layers.append(Dense(size, classes, rng, dropout=self.dropout))
        return layers

    def fit(self, x, y):
        """Minimises the cross-entropy with Adam, decoupled weight decay and a one-cycle rate."""
        rng = np.random.default_rng(self.seed)
        images = x.reshape(-1, 8, 8).astype(np.float32)
        classes = int(y.max()) + 1
        self.layers = self.build((8, 8, 1), classes, rng)
        weights = [p for layer in self.layers for p in layer.parameters]
        mean = [np.zeros_like(p) for p in weights]
        square = [np.zeros_like(p) for p in weights]
        step, steps = 0, self.epochs * -(-len(images) // BATCH)
        for _ in range(self.epochs):
            order = rng.permutation(len(images))
            for start in range(0, len(order), BATCH):
                batch = order[start : start + BATCH]
                out = distort(images[batch], rng)[..., None]
                for layer in self.layers:
                    out = layer.forward(out, rng)
                gradient = softmax(out)
                gradient[np.arange(len(batch)), y[batch]] -= 1
                gradient = gradient / np.float32(len(batch))
                for layer in reversed(self.layers):
                    gradient = layer.backward(gradient)
                step += 1
                done = step / steps
                rate = np.float32(PEAK_RATE * min(done / 0.1, (1 - done) / 0.9))
                gradients = [g for layer in self.layers for g in layer.gradients]
                for p, g, m, s in zip(weights, gradients, mean, square):
                    m += np.float32(0.1) * (g - m)
                    s += np.float32(0.01) * (g * g - s)
                    corrected = (m / np.float32(1 - 0.9**step)) / (np.sqrt(s / np.float32(1 - 0.99**step)) + np.float32(1e-8))
                    p -= rate * (corrected + np.float32(WEIGHT_DECAY) * p)
        return self

    def predict_proba(self, x):
        out = x.reshape(-1, 8, 8, 1).astype(np.float32)
        for layer in self.layers:
            out = layer.forward(out, None)
        return softmax(out.astype(np.float64))

    def operations(self):
        """Multiply-adds of one forward pass of one sample."""
        shape, total = (8, 8, 1), 0
        for layer in self.layers:
            total += layer.operations(shape)
            shape = layer.output(shape)
        return total

    def parameters(self):
        return sum(p.size for layer in self.layers for p in layer.parameters)
