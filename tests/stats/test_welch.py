import numpy as np
import pytest
from scipy import stats

from disparate.errors import BadInput, NotEnoughData
from disparate.stats.welch import normalised_changes, welch


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_scipy(seed):
    generator = np.random.default_rng(seed)
    baseline, variant = generator.normal(size=7), generator.normal(0.5, 3.0, size=12)
    found, expected = welch(baseline, variant), stats.ttest_ind(variant, baseline, equal_var=False)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.df == pytest.approx(expected.df)
    assert found.interval(level=0.9) == pytest.approx(expected.confidence_interval(0.9))


def test_populations_that_do_not_vary_have_no_test():
    assert welch(np.full(3, 0.1), np.full(4, 0.3)) is None


def test_two_models_are_needed():
    with pytest.raises(NotEnoughData, match="5 and 1 models; at least 2 in each population are needed"):
        welch(np.zeros(5), np.zeros(1))


def populations(generator, models, shift):
    """Recalls of four classes of equal size, and the overall accuracy they make."""
    common = generator.normal(0, 0.05, size=(models, 1))
    rates = 0.7 + common + generator.normal(0, 0.01, size=(models, 4)) + np.asarray(shift)
    return rates, rates.mean(axis=1)


def test_a_class_that_pays_more_than_everyone_is_found():
    generator = np.random.default_rng(0)
    before, overall_before = populations(generator, 10, [0, 0, 0, 0])
    after, overall_after = populations(generator, 10, [-0.1, -0.1, -0.1, -0.2])
    found = normalised_changes(before, after, baseline_overall=overall_before, variant_overall=overall_after)
    assert [change.welch.value for change in found] == pytest.approx([0.025, 0.025, 0.025, -0.075], abs=0.015)
    assert found[3].adjusted < 0.001


def test_p_values_are_corrected_for_their_number():
    generator = np.random.default_rng(1)
    before, overall_before = populations(generator, 6, [0, 0, 0, 0])
    after, overall_after = populations(generator, 6, [0, 0, 0, 0])
    found = normalised_changes(before, after, baseline_overall=overall_before, variant_overall=overall_after)
    adjusted = stats.false_discovery_control([change.welch.p_value for change in found])
    assert [change.adjusted for change in found] == pytest.approx(adjusted.tolist())


def test_a_move_that_all_places_share_raises_no_alarm():
    generator, alarms = np.random.default_rng(2), []
    for _ in range(400):
        before, overall_before = populations(generator, 5, [0, 0, 0, 0])
        after, overall_after = populations(generator, 8, [-0.2, -0.2, -0.2, -0.2])
        found = normalised_changes(before, after, baseline_overall=overall_before, variant_overall=overall_after)
        alarms.append(found[0].welch.p_value < 0.05)
    assert np.mean(alarms) == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 400))


def test_a_class_that_a_model_never_met_is_undefined():
    before, after = np.array([[0.5, np.nan], [0.6, 0.7]]), np.array([[0.5, 0.2], [0.7, 0.3]])
    found = normalised_changes(before, after, baseline_overall=np.zeros(2), variant_overall=np.zeros(2))
    assert found[1] is None
    assert found[0].adjusted == found[0].welch.p_value


def test_shapes_have_to_fit():
    rates, overall = np.zeros((3, 2)), np.zeros(3)
    with pytest.raises(BadInput, match=r"rates of the variant have shape \(3, 2\) and overall accuracies \(2,\)"):
        normalised_changes(rates, rates, baseline_overall=overall, variant_overall=np.zeros(2))
    with pytest.raises(BadInput, match="2 places in the baseline and 3 in the variant; the same classes or groups"):
        normalised_changes(rates, np.zeros((3, 3)), baseline_overall=overall, variant_overall=overall)
