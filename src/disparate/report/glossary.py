"""What every measure is called, means and is computed from; unknown measures get a title made of their name."""

from disparate.report.term import Term
from disparate.report.why_terms import WHY_TERMS

TERMS: dict[str, Term] = {
    "accuracy": Term(
        title="Accuracy",
        words="Share of the examples of a group that are answered right.",
        formula="acc(a) = |{i ∈ a : ŷᵢ = yᵢ}| / |a|",
        better="higher",
    ),
    "loss": Term(
        title="Loss",
        words="Mean cross-entropy over the examples of a group; it moves before an answer flips.",
        formula="J(θ; Dₐ) = −(1/|a|) Σᵢ log p(yᵢ | xᵢ)",
        better="lower",
    ),
    "f1_micro": Term(
        title="F1, micro",
        words="F1 of the counts summed over all classes; with one label per example it equals accuracy.",
        formula="2·TP / (2·TP + FP + FN), counts summed over classes",
        better="higher",
    ),
    "f1_macro": Term(
        title="F1, macro",
        words="Mean over the classes of the F1 of each class; every class counts alike.",
        formula="(1/K) Σₖ 2·TPₖ / (2·TPₖ + FPₖ + FNₖ)",
        better="higher",
    ),
    "f1": Term(
        title="F1",
        words="Harmonic mean of precision and true positive rate of a class.",
        formula="2·TPₖ / (2·TPₖ + FPₖ + FNₖ)",
        better="higher",
    ),
    "precision": Term(
        title="Precision",
        words="Share of the answers of a class that are right.",
        formula="TPₖ / (TPₖ + FPₖ)",
        better="higher",
    ),
    "tpr": Term(
        title="True positive rate",
        words="Share of a class that is answered as that class.",
        formula="TPRₖ = TPₖ / (TPₖ + FNₖ)",
        better="higher",
    ),
    "fpr": Term(
        title="False positive rate",
        words="Share of all other classes that is answered as this class.",
        formula="FPRₖ = FPₖ / (FPₖ + TNₖ)",
        better="lower",
    ),
    "tnr": Term(
        title="True negative rate",
        words="Share of all other classes that is not answered as this class.",
        formula="TNRₖ = TNₖ / (TNₖ + FPₖ)",
        better="higher",
    ),
    "selection_rate": Term(
        title="Selection rate",
        words="Share of a group that is answered as a class, right or wrong.",
        formula="|{i ∈ a : ŷᵢ = k}| / |a|",
    ),
    "accuracy_gap": Term(
        title="Accuracy gap",
        words="Accuracy of the best group minus accuracy of the worst group.",
        formula="maxₐ acc(a) − minₐ acc(a)",
        kind="disparity",
        better="lower",
    ),
    "worst_group_accuracy": Term(
        title="Worst-group accuracy",
        words="Accuracy of the group with the lowest accuracy.",
        formula="minₐ acc(a)",
        kind="disparity",
        better="higher",
    ),
    "equalized_odds_sum": Term(
        title="Equalised odds, sum",
        words="Differences of true and false positive rates to the reference group, summed over classes.",
        formula="Σₖ |ΔTPRₖ| + |ΔFPRₖ|",
        kind="disparity",
        better="lower",
    ),
    "equalized_odds_per_class": Term(
        title="Equalised odds, per class",
        words="The sum over the number of classes that were compared, so that data sets can be set side by side.",
        formula="(1/K) Σₖ |ΔTPRₖ| + |ΔFPRₖ|",
        kind="disparity",
        better="lower",
    ),
    "equal_opportunity_0_per_class": Term(
        title="Equal opportunity 0, per class",
        words="Mean over the classes that were compared of the difference of the true negative rate.",
        formula="(1/K) Σₖ |ΔTNRₖ|",
        kind="disparity",
        better="lower",
    ),
    "worst_group_f1": Term(
        title="Worst-group F1",
        words="Macro F1 of the group with the lowest.",
        formula="minₐ F1(a)",
        kind="disparity",
        better="higher",
    ),
    "over_draws": Term(
        title="Over draws",
        words="How a measure is distributed over pieces of hardware: mean, standard deviation, quantiles.",
        formula="quantiles of x(m, draw) over draws and seeds",
        kind="comparison",
    ),
    "equalized_odds_abs_sum": Term(
        title="Equalised odds, absolute sum",
        words="As the sum, but true and false positive differences of a class may cancel.",
        formula="Σₖ |ΔTPRₖ + ΔFPRₖ|",
        kind="disparity",
        better="lower",
    ),
    "equalized_odds_worst": Term(
        title="Equalised odds, worst",
        words="The largest difference of a true or a false positive rate between groups.",
        formula="max(max ΔTPR, max ΔFPR)",
        kind="disparity",
        better="lower",
    ),
    "equal_opportunity_0": Term(
        title="Equal opportunity 0",
        words="Differences of true negative rates to the reference group, summed over classes.",
        formula="Σₖ |ΔTNRₖ|",
        kind="disparity",
        better="lower",
    ),
    "equal_opportunity_1": Term(
        title="Equal opportunity 1",
        words="Differences of true positive rates to the reference group, summed over classes.",
        formula="Σₖ |ΔTPRₖ|",
        kind="disparity",
        better="lower",
    ),
    "equal_opportunity_difference": Term(
        title="Equal opportunity, difference",
        words="The largest difference of the true positive rate of the positive label between groups.",
        formula="maxₐ TPR₊(a) − minₐ TPR₊(a)",
        kind="disparity",
        better="lower",
    ),
    "excessive_risk": Term(
        title="Excessive risk",
        words="Mean loss of a group under the variant minus its mean loss under the reference; positive is harm.",
        formula="R(a) = J(θ̂; Dₐ) − J(θ*; Dₐ)",
        kind="comparison",
        better="lower",
        signed=True,
    ),
    "fairness_violation": Term(
        title="Fairness violation",
        words="The largest difference of excessive risk between two groups.",
        formula="ξ(D) = max over a, a′ of |R(a) − R(a′)|",
        kind="comparison",
        better="lower",
    ),
    "hardware_sensitivity": Term(
        title="Hardware sensitivity",
        words=(
            "How far the loss or the accuracy of a group moves over the hardware profiles. "
            "absmax: the largest absolute difference to the reference; signed: that difference with its sign; "
            "range: largest minus smallest."
        ),
        formula="Δ(a, m) = max over m′ of |J(θₘ; Dₐ) − J(θₘ′; Dₐ)|",
        kind="comparison",
        better="lower",
    ),
    "run_sd": Term(
        title="Standard deviation of one run",
        words=(
            "How far the number of one training moves by what changes: the device, device × seed, the seed, a repeat "
            "of the same, all of them; and what of all the finite test set makes."
        ),
        formula="√σ² of the components of x = μ + D + S + DS + e; test set: √(Σⱼ var(xⱼ) / n²)",
        kind="comparison",
    ),
    "variance_share": Term(
        title="Share of the variance",
        words=(
            "Which part of the variance of one run each thing explains; the parts sum to 100. What every example does "
            "on its own is the part of the test set, and taken out of the others."
        ),
        formula="(σ²_component − its test set part) / σ²_all",
        kind="comparison",
    ),
    "device_over_repeat": Term(
        title="Device over repeat",
        words="How far another device moves a run, counted in repeats of the same computation.",
        formula="√((σ²_device + σ²_mixed) / σ²_repeat)",
        kind="comparison",
    ),
    "device_over_seed": Term(
        title="Device over seed",
        words="How far another device moves a run, counted in seeds; at 1 a device is one more seed.",
        formula="√((σ²_device + σ²_mixed + σ²_repeat) / (σ²_seed + σ²_mixed + σ²_repeat))",
        kind="comparison",
    ),
    "device_label_p": Term(
        title="p of the device labels",
        words=(
            "How often randomly dealt device labels differ as much as the real ones; small where a device moves all "
            "seeds one way."
        ),
        formula="share of permutations of device labels within seeds with at least this spread of device means",
        kind="comparison",
    ),
    "device_range": Term(
        title="Range over devices",
        words=(
            "Best minus worst device, mean over seeds. The floor is what as many devices range over by pure noise: "
            "seeds (N2), or a finite test set (N4)."
        ),
        formula="max over m of x(m) − min over m of x(m); noise: E[range of m normal values] · sd",
        kind="comparison",
        better="lower",
    ),
    "noise_floor": Term(
        title="Noise floor",
        words="How far the difference of two single runs goes where nothing that matters was changed, floor by floor.",
        formula="N1: rms of repeats; N2: √2 · sd of seeds; N3: permuted groups; N4: √(err / n)",
        kind="comparison",
    ),
    "churn": Term(
        title="Churn",
        words="Share of a group whose answer changes, in either direction. Equal accuracy can hide it.",
        formula="|{i ∈ a : ŷᵢ(variant) ≠ ŷᵢ(reference)}| / |a|",
        kind="comparison",
        better="lower",
    ),
    "harmful_flips": Term(
        title="Harmful flips",
        words="Share of a group that the reference answers right and the variant wrong.",
        formula="|{i ∈ a : ŷᵢ(reference) = yᵢ ≠ ŷᵢ(variant)}| / |a|",
        kind="comparison",
        better="lower",
    ),
    "beneficial_flips": Term(
        title="Beneficial flips",
        words="Share of a group that the reference answers wrong and the variant right.",
        formula="|{i ∈ a : ŷᵢ(variant) = yᵢ ≠ ŷᵢ(reference)}| / |a|",
        kind="comparison",
        better="higher",
    ),
    "mean_absolute_error": Term(
        title="Mean absolute error",
        words="How far the predicted numbers of a group are off, on average.",
        formula="MAE(a) = (1/|a|) Σᵢ |ŷᵢ − yᵢ|",
        better="lower",
    ),
    "root_mean_squared_error": Term(
        title="Root mean squared error",
        words="How far the predicted numbers of a group are off, large errors counting more.",
        formula="RMSE(a) = √((1/|a|) Σᵢ (ŷᵢ − yᵢ)²)",
        better="lower",
    ),
    "mean_signed_error": Term(
        title="Mean signed error",
        words="The bias of the predicted numbers of a group: above zero where too much is predicted.",
        formula="(1/|a|) Σᵢ (ŷᵢ − yᵢ)",
    ),
    "mean_absolute_error_gap": Term(
        title="Gap of the mean absolute error",
        words="Mean absolute error of the worst group minus that of the best group.",
        formula="maxₐ MAE(a) − minₐ MAE(a)",
        kind="disparity",
        better="lower",
    ),
    "worst_group_mean_absolute_error": Term(
        title="Worst-group mean absolute error",
        words="Mean absolute error of the group with the largest.",
        formula="maxₐ MAE(a)",
        kind="disparity",
        better="lower",
    ),
    "subset_accuracy": Term(
        title="Subset accuracy",
        words="Share of the examples of a group whose set of labels is answered exactly.",
        formula="|{i ∈ a : Ŷᵢ = Yᵢ}| / |a|",
        better="higher",
    ),
    "hamming_accuracy": Term(
        title="Hamming accuracy",
        words="Mean over labels of the accuracy of each: rightly given or rightly left out. Rare labels lift it.",
        formula="(1/|a|) Σᵢ (1 − |Ŷᵢ △ Yᵢ| / L)",
        better="higher",
    ),
    "subset_accuracy_gap": Term(
        title="Subset accuracy gap",
        words="Subset accuracy of the best group minus that of the worst group.",
        formula="maxₐ − minₐ of the subset accuracy",
        kind="disparity",
        better="lower",
    ),
    "net_flips": Term(
        title="Net flips",
        words="Harmful minus beneficial flips, the accuracy lost, with McNemar's exact test; positive is harm.",
        formula="(harmful − beneficial) / |a|",
        kind="comparison",
        better="lower",
        signed=True,
    ),
    "over_representation": Term(
        title="Over-representation",
        words=(
            "How much more often a group is met among changed answers, or among exemplars, than among all examples; 1 "
            "is parity. "
            "What acts on training is held against another seed, everything else against groups dealt at random."
        ),
        formula="(flips in a / all flips) / (|a| / n)",
        kind="comparison",
    ),
    "normalised_change": Term(
        title="Change beyond everyone",
        words="How far a class or a group moved beyond the move of the overall accuracy, by Welch's test over seeds.",
        formula="(rate(variant) − rate(reference)) − (acc(variant) − acc(reference))",
        kind="comparison",
        better="higher",
        signed=True,
    ),
    "harm": Term(
        title="Harm against a margin",
        words=(
            "Accuracy lost, or loss added, held against the largest harm that does not matter. ● pays: the loss is "
            "distinguishable from noise; ✓ a harm as large as the margin is excluded; ? neither can be told."
        ),
        formula="test of harm(a) ≥ margin, one-sided",
        kind="comparison",
        better="lower",
        signed=True,
    ),
    "modal_exemplars": Term(
        title="Modal exemplars",
        words=(
            "Share of a group that a variant's models answer most often otherwise than the reference's models do. "
            "Between two populations of the reference there are such examples too: that is the floor."
        ),
        formula="|{i ∈ a : modal ŷᵢ(variant) ≠ modal ŷᵢ(reference)}| / |a|",
        kind="comparison",
    ),
    "taxicab_distance": Term(
        title="Taxicab distance",
        words="How far the label distributions of two populations of models lie apart, mean over a group; 2 at most.",
        formula="(1/|a|) Σᵢ Σₖ |share of k among the variant's models − among the reference's|",
        kind="comparison",
    ),
    "modal_ties": Term(
        title="Modal ties",
        words="Share of a group at which two labels or more are given equally often, so that none is the modal one.",
        formula="|{i ∈ a : several k with the largest share}| / |a|",
    ),
    "exemplar_accuracy": Term(
        title="Accuracy on exemplars",
        words=(
            "Accuracy of the reference on the modal exemplars of a group. Examples on which models disagree are hard "
            "however they were chosen: compare with the exemplars of two populations of the reference."
        ),
        formula="Σᵢ wᵢ acc(i) / Σᵢ wᵢ over the exemplars of a",
        kind="comparison",
        better="higher",
    ),
    "relative_change": Term(
        title="Relative change of errors",
        words="By how many per cent of what it was an error rate rises; a small rate rises far by little.",
        formula="100 · (M(variant) − M(reference)) / M(reference)",
        kind="comparison",
        better="lower",
        signed=True,
    ),
    **WHY_TERMS,
}
"""Every measure whose meaning is known here."""

NOISE_FLOORS: dict[str, str] = {
    "N1": "repeat: the reference, run again with nothing changed. Zero means that the program is deterministic.",
    "N2": "seeds: how much the number moves when only the training seed changes.",
    "N3": "permuted groups: how large the number gets when group labels are dealt at random.",
    "N4": "test set: how much a finite test set moves the number.",
}
"""The noise floors, in words, by the first word of their names."""


def term(measure: str) -> Term:
    """Return the measure in words; an unknown one gets its name as title.

    Example:
        >>> term("churn").kind, term("my_measure").title
        ('comparison', 'My measure')
    """
    return TERMS.get(measure) or Term(title=measure.replace("_", " ").capitalize(), words="")
