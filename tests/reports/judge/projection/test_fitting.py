"""The fit finds the efficiencies that made the data, shrinks where data are thin, and leaves whole groups out."""

import math
from dataclasses import replace

import numpy as np
import pytest

from reports.judge.projection.fitting import Fit, nodes_of
from reports.judge.projection.intervals import Forecaster, quantile
from reports.judge.projection.step import TIME_TERMS, terms, total
from tests.reports.judge.projection.conftest import DIMENSIONS


def made_with(situation, *, efficiency=0.8, launch=40e-6):
    factors = dict.fromkeys(TIME_TERMS, 2.0) | {"weights": 1 / efficiency, "launch": launch}
    return total(terms(situation, "step"), np.log([factors[name] for name in TIME_TERMS]))


@pytest.fixture
def sizes():
    """The plain model from a tenth to a hundred times its width, with as many layers."""
    return [replace(DIMENSIONS, name=f"x{n}", layer_matmul=int(n * 10_000_000)) for n in (0.1, 0.5, 1, 3, 10, 30, 100)]


@pytest.fixture
def fitted(observation, situation, sizes):
    def make(**changes):
        return [
            observation(made_with(situation(model=model, **changes)), place=f"{model.name}", model=model, **changes)
            for model in sizes
        ]

    return make


def test_recovers_efficiency_and_overhead(fitted, situation):
    fit = Fit("time", fitted())
    factors = dict(zip(fit.names, np.exp(fit.log_factors(situation())), strict=True))
    assert 1 / factors["weights"] == pytest.approx(0.8, rel=0.05)
    assert factors["launch"] == pytest.approx(40e-6, rel=0.12)


def test_predicts_a_size_it_has_not_seen_with_rising_bandwidth_utilisation(fitted, situation):
    fit = Fit("time", fitted())
    utilisation = []
    for times in (2, 20, 200):
        unseen = situation(model=replace(DIMENSIONS, layer_matmul=times * 10_000_000))
        seconds, deviation = fit.predict(unseen, "step")
        assert seconds == pytest.approx(made_with(unseen), rel=0.04)
        assert deviation > 0
        utilisation.append(unseen.format.decode_bytes(unseen.model) / 1e12 / seconds)
    assert utilisation == sorted(utilisation)
    assert utilisation[-1] > 1.2 * utilisation[0]


def test_one_odd_row_hardly_moves_the_fit(fitted, observation, situation, sizes):
    rows = fitted()
    odd = replace(rows[3], value=rows[3].value * 10, place="odd")
    clean, spoilt = (Fit("time", found).predict(situation(), "step")[0] for found in (rows, [*rows, odd]))
    assert spoilt == pytest.approx(clean, rel=0.1)


def test_thin_data_are_shrunk_and_uncertain(fitted, situation, sizes):
    slow = [replace(row, value=1.6 * row.value) for row in fitted(stack="sglang")]
    large = situation(stack="sglang", model=sizes[-1])
    usual = made_with(situation(model=sizes[-1]))
    none, one, many = (Fit("time", [*fitted(), *rows]).predict(large, "step") for rows in ([], slow[-1:], slow[2:]))
    assert none[0] == pytest.approx(usual, rel=0.15)
    assert 1.2 * usual < one[0] < many[0]
    assert many[0] == pytest.approx(1.6 * usual, rel=0.03)
    assert none[1] > one[1] > many[1]


def test_levels_multiply_to_the_factor(fitted, situation):
    fit = Fit("time", fitted())
    for at, name in enumerate(fit.names):
        product = math.prod(fit.parts(situation())[name].values())
        assert product == pytest.approx(math.exp(fit.log_factors(situation())[at]))
    assert fit.rows_behind(situation())["family vllm"] == 7
    assert fit.rows_behind(situation(stack="chitu"))["family chitu"] == 0


def test_left_out_residuals_are_those_of_a_fit_without_the_group(fitted, sizes):
    rng = np.random.default_rng(3)
    rows = [replace(row, value=row.value * math.exp(rng.normal(0, 0.05))) for row in fitted()]
    left_out = Fit("time", rows).left_out(lambda row: row.place)
    for row, found in zip(rows, left_out, strict=True):
        without = Fit("time", [other for other in rows if other.place != row.place])
        expected = math.log(row.value / without.predict(row.situation, "step")[0])
        assert found.residual == pytest.approx(expected, abs=0.04)


def test_no_rows_at_all_give_the_priors_with_wide_intervals(situation):
    forecaster = Forecaster(Fit("time", []))
    found = forecaster.predict(situation(), "step")
    assert found.low < found.value / 1.5 < found.value * 1.5 < found.high
    assert not found.seen


def test_a_chip_without_rows_is_less_certain(fitted, situation):
    forecaster = Forecaster(Fit("time", fitted()))
    known = forecaster.predict(situation(), "step")
    elsewhere = replace(situation().device, chip_id="huawei-ascend-910b2", vendor="Huawei")
    unknown = forecaster.predict(situation(device=elsewhere), "step")
    assert known.seen
    assert not unknown.seen
    assert unknown.high / unknown.low > known.high / known.low
    assert known.low <= known.value <= known.high


def test_bins_of_a_chip_share_a_level(situation):
    one, other = (
        nodes_of(situation(device=replace(situation().device, chip_id=chip)))["chip"]
        for chip in ("huawei-ascend-910b2", "huawei-ascend-910b3")
    )
    assert one == other


def test_conformal_quantile():
    assert quantile([]) == pytest.approx(1.2816)
    assert quantile([1.0, 2.0, 3.0, 4.0]) == 4.0
    # The ceil(0.8 x 10) = 8th of nine.
    assert quantile([float(n) for n in range(1, 10)]) == 8.0
