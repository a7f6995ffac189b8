"""Makes pairs.csv: score statistics and exact p-values of matched pairs, found without
any closed form. The restricted likelihood is maximised by golden section; the exact
p-value sums over all tables, for every nuisance share on a fine grid.

    python3 pairs.py >pairs.csv
"""
from math import comb, log, sqrt


def likelihood(x, n, first, second, margin):
    total = 0.0
    for count, share in ((first, x), (second, x + margin), (n - first - second, 1 - 2 * x - margin)):
        if count:
            if share <= 0:
                return float("-inf")
            total += count * log(share)
    return total


def score(n, first, second, margin):
    low, high = 0.0, (1 - margin) / 2
    golden = (sqrt(5) - 1) / 2
    while high - low > 1e-13:
        a, b = high - golden * (high - low), low + golden * (high - low)
        if likelihood(a, n, first, second, margin) < likelihood(b, n, first, second, margin):
            low = a
        else:
            high = b
    x = (low + high) / 2
    variance = n * (x + x + margin - margin * margin)
    return (first - second + n * margin) / sqrt(variance) if variance > 1e-12 * n else 0.0


def tail(n, share, hits):  # P(at least hits)
    return sum(comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(hits, n + 1))


def interval(n, hits, miss):
    def solve(rises, goal):
        low, high = 0.0, 1.0
        for _ in range(80):
            middle = (low + high) / 2
            low, high = (middle, high) if rises(middle) < goal else (low, middle)
        return low
    low = solve(lambda s: tail(n, s, hits), miss / 2) if hits else 0.0
    high = solve(lambda s: tail(n, s, hits + 1), 1 - miss / 2) if hits < n else 1.0
    return low, high


def exact(n, first, second, margin, scores):
    miss = 1e-6
    low, high = interval(n, first + second, miss)
    low, high = max(low, margin), max(high, margin)
    observed = scores[first, second] - 1e-7
    extreme = [(b, c, comb(n, b) * comb(n - b, c)) for (b, c), z in scores.items() if z >= observed]
    worst, steps = 0.0, 1500
    for i in range(steps + 1):
        d = low + (high - low) * i / steps
        p, q = (d - margin) / 2, (d + margin) / 2
        worst = max(worst, sum(w * p**b * q**c * max(0.0, 1 - p - q) ** (n - b - c) for b, c, w in extreme))
    return min(1.0, worst + miss)


print("samples,only_first,only_second,margin,score,p")
for n, margin in ((12, 0.05), (12, 0.0), (20, 0.02), (25, 0.1), (30, 0.01)):
    scores = {(b, c): score(n, b, c, margin) for b in range(n + 1) for c in range(n + 1 - b)}
    for b, c in ((0, 0), (0, 1), (1, 0), (1, 1), (3, 2), (2, 5), (6, 1), (0, 4), (7, 5)):
        print(f"{n},{b},{c},{margin},{scores[b, c]:.9f},{exact(n, b, c, margin, scores):.7f}")
for n, b, c, margin in ((44, 0, 1, 0.1), (250, 3, 4, 0.01), (1000, 12, 20, 0.02), (2500, 0, 0, 0.005), (5000, 160, 190, 0.01), (50000, 900, 1100, 0.005)):
    print(f"{n},{b},{c},{margin},{score(n, b, c, margin):.9f},")
