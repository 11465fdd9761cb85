"""The inverse of the Beta distribution function, which the "beta" scheduler needs. Numbers only.

A few lines here instead of scipy: this is the only use of it.
"""

import math

_TINY = 1e-300


def beta_ppf(q: float, a: float, b: float) -> float:
    """x with I_x(a, b) = q, for 0 <= q <= 1 and positive `a`, `b`; absolute error about 1e-14.

    Newton steps kept inside a shrinking bracket.
    """
    if q <= 0 or q >= 1:
        return 0.0 if q <= 0 else 1.0
    log_norm = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    low, high, x = 0.0, 1.0, 0.5
    for _ in range(200):
        excess = beta_cdf(x, a, b) - q
        low, high = (low, x) if excess > 0 else (x, high)
        density = math.exp((a - 1) * math.log(x) + (b - 1) * math.log1p(-x) - log_norm)
        step = x - excess / density if density > 0 else low
        following = step if low < step < high else (low + high) / 2
        if abs(following - x) <= 1e-15 * x:
            return following
        x = following
    return x


def beta_cdf(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b), 0 < x < 1.

    Continued fraction of DLMF 8.17.22, evaluated by Lentz's method on the side where it converges
    fast.
    """
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_cdf(1 - x, b, a)
    log_norm = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    front = math.exp(a * math.log(x) + b * math.log1p(-x) - log_norm) / a
    c, d = 1.0, 1 / max(1 - (a + b) * x / (a + 1), _TINY)
    fraction = d
    for m in range(1, 300):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _away_from_zero(1 + term * d)
            c = _away_from_zero(1 + term / c)
            fraction *= c * d
        if abs(c * d - 1) < 1e-16:
            break
    return front * fraction


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
