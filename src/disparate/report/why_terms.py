"""What the measures are called and mean that say why."""

from collections.abc import Mapping

from disparate.report.term import Term

WHY_TERMS: Mapping[str, Term] = {
    "parameter_distance": Term(
        title="Distance of the weights",
        words="How far the trained weights are from the reference's; relative: as a share of the reference's norm.",
        formula="‖θ − θ′‖₂",
        kind="comparison",
    ),
    "parameter_spread": Term(
        title="Spread of the weights over profiles",
        words="The largest distance between the reference's weights and those of another profile, under one seed.",
        formula="ρ(m) = max over m′ of ‖θₘ − θₘ′‖₂",
        kind="comparison",
    ),
    "closeness_gini": Term(
        title="Closeness to the boundary",
        words="How undecided the network is, from its probabilities; large is near. Confident errors count as far.",
        formula="1 − Σₖ pₖ²",
    ),
    "distance_probability": Term(
        title="Distance to the boundary, in probability",
        words="Difference of the two largest probabilities; large is far.",
        formula="p₍₁₎ − p₍₂₎",
    ),
    "distance_logit": Term(
        title="Distance to the boundary, in logits",
        words="Difference of the two largest logits; large is far. It grows with the scale of the last layer.",
        formula="z₍₁₎ − z₍₂₎",
    ),
    "distance_logit_signed": Term(
        title="Signed distance to the boundary, in logits",
        words="Logit of the right class minus the largest other logit; negative where the answer is wrong.",
        formula="z_y − max over k ≠ y of zₖ",
    ),
    "distance_input": Term(
        title="Distance to the boundary, in inputs",
        words="How far an input would have to move, to first order, for another answer.",
        formula="min over k ≠ ŷ of (z_ŷ − zₖ) / ‖∇ₓ(z_ŷ − zₖ)‖₂",
    ),
    "distance_parameters": Term(
        title="Distance to the boundary, in weights",
        words=(
            "How far the weights would have to move, to first order, for another answer. Compare with the distance of "
            "the weights: below it an answer cannot flip."
        ),
        formula="min over k ≠ ŷ of (z_ŷ − zₖ) / ‖∇_θ(z_ŷ − zₖ)‖₂",
    ),
    "loss_barrier": Term(
        title="Barrier",
        words="How far the loss of a group rises above the chord on the straight line between two solutions.",
        formula="maxₜ [J(θ(t); Dₐ) − (1 − t) J(θ; Dₐ) − t J(θ′; Dₐ)], θ(t) = (1 − t) θ + t θ′",
        kind="comparison",
    ),
    "loss_along_line": Term(
        title="Loss along the line",
        words="Mean loss of a group at a point of the straight line from the reference's weights to the variant's.",
        formula="J((1 − t) θ + t θ′; Dₐ)",
        better="lower",
    ),
    "accuracy_along_line": Term(
        title="Accuracy along the line",
        words="Accuracy of a group at a point of the straight line from the reference's weights to the variant's.",
        formula="acc(a) at (1 − t) θ + t θ′",
        better="higher",
    ),
    "taylor_bound": Term(
        title="Bound of the theorem",
        words=(
            "What gradient norm, curvature and distance of the weights allow the loss of a group to change, beside "
            "what it did. It leaves the third order out; vacuous: it allows more than the range of the loss."
        ),
        formula="Δₐ ≤ ‖gₐ‖ ρ + ½ λ(Hₐ) ρ²",
        kind="comparison",
    ),
    "closeness_bound": Term(
        title="Bound of curvature by closeness",
        words=(
            "What closeness to the boundary and slopes of the logits (first term), and errors and curvature of the "
            "logits (second), allow the largest eigenvalue of a group to be; tightness is the eigenvalue over the sum."
        ),
        formula="λ(Hₐ) ≤ mean over a of Σₖ pₖ ‖∇zₖ − Σⱼ pⱼ ∇zⱼ‖² + λ(Hₐ − Gₐ)",
        kind="comparison",
    ),
    "gradient_norm": Term(
        title="Gradient norm",
        words=(
            "Length of the gradient of the mean loss over all examples of a group at once. The floor is that of as "
            "many examples dealt at random; p is how often those are as long."
        ),
        formula="‖gₐ‖₂, gₐ = ∇J(θ; Dₐ)",
    ),
    "size_order_violations": Term(
        title="Pairs against the order of sizes",
        words=(
            "Share of the pairs of groups whose larger one has the longer gradient. With two groups the order is "
            "forced where training has converged; with three or more nothing follows, and 50 points are chance."
        ),
        formula="|{(a, b) : |Dₐ| > |D_b|, ‖gₐ‖ > ‖g_b‖}| / |{(a, b) : |Dₐ| > |D_b|}|",
    ),
    "gradient_ratio": Term(
        title="Ratio of the two gradients",
        words=(
            "Gradient norm of the smaller of two groups over that of the larger. Where training has converged it is "
            "the inverse ratio of their sizes, whatever the data: an identity and no finding."
        ),
        formula="‖g_b‖ / ‖gₐ‖ = |Dₐ| / |D_b| where |Dₐ| gₐ + |D_b| g_b = 0",
    ),
    "hessian_eigenvalue": Term(
        title="Largest eigenvalue of the Hessian",
        words=(
            "How sharply the loss of a group bends in its steepest direction, over some of its training examples. The "
            "residual that bounds its error stands in the method; what did not converge is a lower bound."
        ),
        formula="λ(Hₐ), Hₐ = ∇²J(θ; Dₐ)",
    ),
    "hessian_lowest": Term(
        title="Smallest eigenvalue of the Hessian",
        words="Below zero where the loss of a group still falls away from the trained weights.",
        formula="λ_min(Hₐ)",
    ),
    "hessian_trace": Term(
        title="Trace of the Hessian",
        words="Sum of all eigenvalues, estimated from random vectors beside the largest ones.",
        formula="tr Hₐ",
    ),
    "ggn_eigenvalue": Term(
        title="Largest eigenvalue of the Gauss–Newton matrix",
        words="The part of the curvature that comes from slopes of the logits; Fisher information of the answers.",
        formula="λ(Gₐ), Gₐ = mean of Jᵀ (diag(p) − p pᵀ) J",
    ),
    "empirical_fisher_eigenvalue": Term(
        title="Largest eigenvalue of the empirical Fisher matrix",
        words="Of the mean outer product of the gradients of single examples, with the labels of the data.",
        formula="λ of the mean of ∇ℓ ∇ℓᵀ",
    ),
    "ggn_diagonal": Term(
        title="Diagonal of the Gauss–Newton matrix",
        words=(
            "What the diagonal per group is like: its sum, the share of weights that no example reaches, the error of "
            "the sampled estimate, and how well two halves of the draws agree on the order of the weights."
        ),
        formula="diag Gₐ",
    ),
    "group_size": Term(
        title="Group size",
        words="Training examples of a group.",
        formula="|Dₐ|",
    ),
    "explanation_correlation": Term(
        title="Correlation over groups",
        words=(
            "Spearman's rank correlation over the groups between two columns of the explanation table, with its "
            "permutation p-value. Few groups prove little, it is not corrected, and what goes together need not cause."
        ),
        formula="ρ_S over the groups, of means over seeds",
    ),
    "flip_separation": Term(
        title="Does closeness tell which answers flip?",
        words="How often an answer that flips lay nearer the boundary than one that stays; 50 points are chance.",
        formula="P(closeness of one that flips > of one that stays)",
    ),
    "group_beyond_closeness": Term(
        title="Does the group tell more?",
        words="Largest ratio between groups in the odds of a flip at equal closeness; p that groups say nothing more.",
        formula="max over a, b of the odds ratio, from a logistic regression on the rank of closeness",
    ),
    "closeness_product": Term(
        title="Closeness to the boundary, two classes",
        words="Product of the two probabilities; large is near.",
        formula="f (1 − f)",
    ),
    "certified_radius": Term(
        title="Certified radius",
        words=(
            "Distance of inputs within which the network smoothed by noise keeps its answer, mean over the examples "
            "for which anything is certified."
        ),
        formula="σ Φ⁻¹(p_A)",
    ),
    "vog": Term(
        title="Variance of gradients (VoG)",
        words=(
            "How much the gradient of the class's logit by the input changes over the training; large is hard. The "
            "class is the right one on the training split, the answered one elsewhere."
        ),
        formula="mean over pixels of the standard deviation over epochs of ∂z_y / ∂x",
    ),
    "vog_in_class": Term(
        title="VoG within the class",
        words="Standard score of VoG among the examples of the same class.",
        formula="(VoG − mean of the class) / standard deviation of the class",
    ),
    "vog_early": Term(
        title="VoG, early",
        words="VoG over the first third of the kept epochs.",
        formula="VoG of the first third of the epochs",
    ),
    "vog_middle": Term(
        title="VoG, middle",
        words="VoG over the middle third of the kept epochs.",
        formula="VoG of the middle third of the epochs",
    ),
    "vog_late": Term(
        title="VoG, late",
        words="VoG over the last third of the kept epochs.",
        formula="VoG of the last third of the epochs",
    ),
    "first_correct": Term(
        title="First right epoch",
        words="First kept epoch whose answer is right; examples that are never right have none.",
        formula="min {t : ŷᵢ(t) = yᵢ}",
    ),
    "stably_correct": Term(
        title="Right from epoch",
        words="First kept epoch from which on every answer is right; examples that end wrong have none.",
        formula="min {t : ŷᵢ(s) = yᵢ for all s ≥ t}",
    ),
    "forgetting_events": Term(
        title="Forgetting events",
        words="How often a right answer was followed by a wrong one, between kept epochs.",
        formula="|{t : ŷᵢ(t) = yᵢ ≠ ŷᵢ(t + 1)}|",
    ),
    "el2n": Term(
        title="EL2N",
        words="Length of the error of the probabilities early in training; large is hard.",
        formula="‖p(xᵢ) − e_yᵢ‖₂",
    ),
    "consistency_score": Term(
        title="Consistency (C-score)",
        words="Share of right answers among trainings on a part of the data that left the example out; small is hard.",
        formula="P(ŷᵢ = yᵢ | i ∉ S)",
        better="higher",
    ),
    "memorisation": Term(
        title="Memorisation",
        words="How much more often an example is answered right when it was trained on; large is hard.",
        formula="P(ŷᵢ = yᵢ | i ∈ S) − P(ŷᵢ = yᵢ | i ∉ S)",
    ),
    "error_by_difficulty": Term(
        title="Error by difficulty",
        words="Share of wrong answers in every tenth of the examples, the easiest first.",
        formula="error of the examples between two deciles of VoG",
    ),
    "accuracy_by_difficulty": Term(
        title="Change of accuracy by difficulty",
        words="How the accuracy of every tenth of the examples changes, the easiest first; beside another seed's.",
        formula="accuracy(variant) − accuracy(reference) of the examples between two deciles",
        better="higher",
    ),
    "risk_by_difficulty": Term(
        title="Excessive risk by difficulty",
        words="How the loss of every tenth of the examples rises, the easiest first; beside another seed's.",
        formula="J(variant) − J(reference) of the examples between two deciles",
        kind="comparison",
        better="lower",
        signed=True,
    ),
    "difficulty_and_damage": Term(
        title="Difficulty and damage",
        words="Spearman's correlation over examples of difficulty with what the choice changes; beside another seed's.",
        formula="ρ_S(difficulty, variant − reference)",
        kind="comparison",
    ),
    "difficulty_and_distance": Term(
        title="Difficulty and distance",
        words="Spearman's correlation over examples of VoG with the distance to the boundary; negative: near is hard.",
        formula="ρ_S(VoG, distance)",
    ),
}
