"""The visible table of measures: one file plus one line here adds a measure."""

from collections.abc import Mapping

from disparate.errors import BadInput
from disparate.measures.measure import Measure
from disparate.predictions import Answers
from disparate.registry import Registry

MEASURES = Registry(
    family="measures",
    entries={
        "accuracy": "disparate.measures.rates:ACCURACY",
        "loss": "disparate.measures.rates:LOSS",
        "f1_micro": "disparate.measures.rates:F1_MICRO",
        "f1_macro": "disparate.measures.rates:F1_MACRO",
        "f1": "disparate.measures.rates:F1",
        "tpr": "disparate.measures.rates:TPR",
        "fpr": "disparate.measures.rates:FPR",
        "tnr": "disparate.measures.rates:TNR",
        "precision": "disparate.measures.rates:PRECISION",
        "selection_rate": "disparate.measures.rates:SELECTION_RATE",
        "accuracy_gap": "disparate.measures.disparity:ACCURACY_GAP",
        "worst_group_accuracy": "disparate.measures.disparity:WORST_GROUP_ACCURACY",
        "worst_group_f1": "disparate.measures.disparity:WORST_GROUP_F1",
        "equalized_odds_sum": "disparate.measures.disparity:EQUALIZED_ODDS_SUM",
        "equalized_odds_abs_sum": "disparate.measures.disparity:EQUALIZED_ODDS_ABS_SUM",
        "equalized_odds_worst": "disparate.measures.disparity:EQUALIZED_ODDS_WORST",
        "equal_opportunity_0": "disparate.measures.disparity:EQUAL_OPPORTUNITY_0",
        "equal_opportunity_1": "disparate.measures.disparity:EQUAL_OPPORTUNITY_1",
        "equalized_odds_per_class": "disparate.measures.disparity:EQUALIZED_ODDS_PER_CLASS",
        "equal_opportunity_0_per_class": "disparate.measures.disparity:EQUAL_OPPORTUNITY_0_PER_CLASS",
        "equal_opportunity_difference": "disparate.measures.disparity:EQUAL_OPPORTUNITY_DIFFERENCE",
        "excessive_risk": "disparate.measures.risk:EXCESSIVE_RISK",
        "fairness_violation": "disparate.measures.risk:FAIRNESS_VIOLATION",
        "hardware_sensitivity": "disparate.measures.sensitivity:HARDWARE_SENSITIVITY",
        "run_sd": "disparate.measures.components:RUN_SD",
        "variance_share": "disparate.measures.components:VARIANCE_SHARE",
        "device_over_repeat": "disparate.measures.components:DEVICE_OVER_REPEAT",
        "device_over_seed": "disparate.measures.components:DEVICE_OVER_SEED",
        "device_label_p": "disparate.measures.components:DEVICE_LABEL_P",
        "device_range": "disparate.measures.device_range:DEVICE_RANGE",
        "over_draws": "disparate.measures.drawn:OVER_DRAWS",
        "noise_floor": "disparate.measures.noise_floors:NOISE_FLOOR",
        "mean_absolute_error": "disparate.measures.regression:MEAN_ABSOLUTE_ERROR",
        "root_mean_squared_error": "disparate.measures.regression:ROOT_MEAN_SQUARED_ERROR",
        "mean_signed_error": "disparate.measures.regression:MEAN_SIGNED_ERROR",
        "mean_absolute_error_gap": "disparate.measures.regression:MEAN_ABSOLUTE_ERROR_GAP",
        "worst_group_mean_absolute_error": "disparate.measures.regression:WORST_GROUP_MEAN_ABSOLUTE_ERROR",
        "subset_accuracy": "disparate.measures.sets:SUBSET_ACCURACY",
        "hamming_accuracy": "disparate.measures.sets:HAMMING_ACCURACY",
        "subset_accuracy_gap": "disparate.measures.sets:SUBSET_ACCURACY_GAP",
        "churn": "disparate.measures.churn:CHURN",
        "harmful_flips": "disparate.measures.churn:HARMFUL_FLIPS",
        "beneficial_flips": "disparate.measures.churn:BENEFICIAL_FLIPS",
        "net_flips": "disparate.measures.churn:NET_FLIPS",
        "over_representation": "disparate.measures.flipped:OVER_REPRESENTATION",
        "normalised_change": "disparate.measures.normalised:NORMALISED_CHANGE",
        "harm": "disparate.measures.harm:HARM",
        "modal_exemplars": "disparate.measures.exemplars:MODAL_EXEMPLARS",
        "taxicab_distance": "disparate.measures.exemplars:TAXICAB_DISTANCE",
        "modal_ties": "disparate.measures.exemplars:MODAL_TIES",
        "exemplar_accuracy": "disparate.measures.exemplars:EXEMPLAR_ACCURACY",
        "relative_change": "disparate.measures.relative:RELATIVE_CHANGE",
    },
)

OF_ANSWERS = (
    "accuracy",
    "f1_micro",
    "f1_macro",
    "tpr",
    "fpr",
    "tnr",
    "selection_rate",
    "accuracy_gap",
    "worst_group_accuracy",
    "equalized_odds_sum",
    "equalized_odds_abs_sum",
    "equalized_odds_worst",
    "equal_opportunity_0",
    "equal_opportunity_1",
)
"""What is usually measured of answers, where nobody says."""

OF_TWO_LABELS = ("equal_opportunity_difference",)
"""What is usually measured besides, where there are two labels, so that one of them is the positive one."""

OF_HARDWARE = (
    "hardware_sensitivity",
    "run_sd",
    "variance_share",
    "device_over_repeat",
    "device_over_seed",
    "device_label_p",
    "device_range",
)
"""What is usually measured besides, where there are hardware profiles."""
OF_FLIPS = (
    "churn",
    "harmful_flips",
    "beneficial_flips",
    "net_flips",
    "over_representation",
    "normalised_change",
    "harm",
)
"""What is usually measured of variant and reference side by side."""

OF_POPULATIONS = (
    "modal_exemplars",
    "taxicab_distance",
    "modal_ties",
    "exemplar_accuracy",
    "relative_change",
)
"""What is usually measured of populations of models: where there are several seeds."""

OF_LOSSES = ("loss", "excessive_risk", "fairness_violation")
"""What is usually measured besides, where there are losses."""

OF_NUMBERS = (
    "mean_absolute_error",
    "root_mean_squared_error",
    "mean_signed_error",
    "mean_absolute_error_gap",
    "worst_group_mean_absolute_error",
)
"""What is measured of answers that are numbers."""

OF_SETS = ("subset_accuracy", "hamming_accuracy", "subset_accuracy_gap")
"""What is measured of answers that are sets of labels, as wholes."""

OF_ONE_LABEL = (
    "accuracy",
    "f1",
    "precision",
    "tpr",
    "fpr",
    "tnr",
    "selection_rate",
    "equalized_odds_worst",
    "equal_opportunity_difference",
    "churn",
)
"""What is measured of every label of a set, one against the rest."""

MAIN: Mapping[Answers, str] = {
    "labels": "accuracy",
    "sets": "subset_accuracy",
    "numbers": "mean_absolute_error",
}
"""The mean that says how good answers of a kind are, and that hardware moves."""


def measure_named(name: str) -> Measure:
    """Return the measure of that name.

    Args:
        name: A name in ``MEASURES``, or one that another package adds.

    Returns:
        The measure.

    Raises:
        BadInput: There is no such measure, or what stands behind the name is no measure.

    Example:
        >>> measure_named("churn").unit
        'share'
    """
    found = MEASURES.load(name)
    if not isinstance(found, Measure):
        raise BadInput(
            f"measure '{name}' is a {type(found).__name__}; a disparate.measures.measure.Measure was expected."
        )
    return found
