"""Scalings: fitted on some rows, applied to others, and safe for columns that never change."""

from __future__ import annotations

import numpy as np
import pytest

from microgradcnn.data.scaling import standardised, unit_pixels, unscaled

ROWS = np.random.default_rng(0).normal(size=(50, 3)) * [1.0, 1e-6, 1e6] + [5.0, 0.0, -3e6]


def test_standardised_columns_have_mean_0_and_deviation_1() -> None:
    scaled = standardised(ROWS).apply(ROWS)
    np.testing.assert_allclose(scaled.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(scaled.std(axis=0), 1.0, rtol=1e-12)


def test_other_rows_are_scaled_by_the_rows_that_were_fitted() -> None:
    scaling = standardised(np.array([[1.0, 10.0], [3.0, 30.0]]))
    assert scaling.apply(np.array([[2.0, 40.0], [5.0, 0.0]])).tolist() == [[0.0, 2.0], [3.0, -2.0]]


@pytest.mark.parametrize("number", [0.0, 1.0, -7.0, 0.1, 1 / 3, 1e-9, 123456.789])
@pytest.mark.parametrize("rows", [1, 2, 7, 10, 99])
def test_a_constant_column_becomes_0_and_does_not_blow_up_what_comes_later(number: float, rows: int) -> None:
    scaling = standardised(np.full((rows, 1), number))
    assert scaling.apply(np.full((rows, 1), number)).tolist() == [[0.0]] * rows
    assert scaling.apply(np.array([[number + 0.5]])).item() == pytest.approx(0.5)


def test_a_column_that_changes_less_than_a_float_can_square_is_finite() -> None:
    scaled = standardised(np.array([[1e-300], [2e-300]])).apply(np.array([[1e-300], [2e-300]]))
    assert np.isfinite(scaled).all()


def test_pixels_are_divided_by_the_largest_of_the_fitted_rows() -> None:
    scaling = unit_pixels(np.array([[0.0, 4.0, 16.0], [8.0, 2.0, 0.0]]))
    assert scaling.apply(np.array([[16.0, 8.0, 0.0], [32.0, 1.0, 4.0]])).tolist() == [[1, 1 / 2, 0], [2, 1 / 16, 1 / 4]]


def test_black_images_stay_black() -> None:
    assert unit_pixels(np.zeros((2, 4))).apply(np.zeros((2, 4))).tolist() == [[0.0] * 4] * 2


def test_unscaled_rows_are_what_they_were() -> None:
    np.testing.assert_array_equal(unscaled(3).apply(ROWS), ROWS)


@pytest.mark.parametrize("fit", [standardised, unit_pixels, lambda rows: unscaled(rows.shape[1])])
@pytest.mark.parametrize("shape", [(5, 1), (5, 2), (5, 4), (3,), ()])
def test_rows_of_another_width_are_refused(fit: object, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"^the scaling was fitted on rows of 3 numbers, not \(.*\)$"):
        fit(ROWS).apply(np.ones(shape))


@pytest.mark.parametrize("fit", [standardised, unit_pixels])
def test_scaling_leaves_its_argument_alone(fit: object) -> None:
    rows = ROWS.copy()
    fit(rows).apply(rows)
    np.testing.assert_array_equal(rows, ROWS)
