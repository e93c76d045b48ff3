"""Products of machine code give the numbers of numpy, for sizes that fill their tiles and for those that do not."""

from __future__ import annotations

import numpy as np
import pytest

products = pytest.importorskip("seqkit.nn.products", reason="the extra `compiled` is not installed")

SIZES = [
    (1, 1, 1),
    (4, 8, 32),
    (7, 5, 33),
    (16, 300, 64),
    (3, 2, 100),
    (50, 37, 8),
    (1, 40, 3),
    (260, 9, 31),
    (300, 2, 1024),
]


def numbers(kind: str, *shape: int) -> np.ndarray:
    return np.random.default_rng(1).standard_normal(shape).astype(kind)


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize(("rows", "size", "to"), SIZES)
def test_products_are_those_of_numpy(kind: str, rows: int, size: int, to: int) -> None:
    x, w, y = numbers(kind, 2, rows, size), numbers(kind, 2, size, to), numbers(kind, 2, rows, to)
    near = {"rtol": 1e-4, "atol": 1e-4} if kind == "float32" else {"rtol": 1e-12, "atol": 1e-12}
    np.testing.assert_allclose(products.product(x, w), x @ w, **near)
    np.testing.assert_allclose(
        products.product(x, w.transpose(0, 2, 1).copy().transpose(0, 2, 1)), x @ w, **near
    )
    found, total = products.outer_products(x, y)
    np.testing.assert_allclose(found, y.transpose(0, 2, 1) @ x, **near)
    np.testing.assert_allclose(total, y.sum(axis=1), **near)
    sums = y[0].copy()
    products.add_product(x[0], products.panels(w)[0], sums)
    np.testing.assert_allclose(sums, y[0] + x[0] @ w[0], **near)


def test_a_product_of_nothing_is_zero() -> None:
    assert not products.product(numbers("float32", 1, 3, 0), numbers("float32", 1, 0, 5)).any()
    assert products.product(numbers("float32", 1, 0, 4), numbers("float32", 1, 4, 5)).shape == (
        1,
        0,
        5,
    )
