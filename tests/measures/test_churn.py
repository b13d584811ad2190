import numpy as np

from disparate.measures.churn import beneficial_flips, churn, harmful_flips
from disparate.predictions import Run


def test_flips_by_hand(answers):
    target = [0, 1, 2, 2]
    reference = answers(target, [0, 0, 2, 0], list("aabb"), labels="xyz")
    variant = answers(target, [1, 1, 2, 1], list("aabb"), labels="xyz")
    assert churn(variant, reference).tolist() == [1, 1, 0, 1]
    assert harmful_flips(variant, reference).tolist() == [1, 0, 0, 0]
    assert beneficial_flips(variant, reference).tolist() == [0, 1, 0, 0]


def test_flips_account_for_the_change_of_accuracy(world):
    place = world(0)
    reference, variant = place.train(Run()), place.train(Run(variant="other"))
    lost = harmful_flips(variant, reference).mean() - beneficial_flips(variant, reference).mean()
    assert np.isclose(lost, reference.correct.mean() - variant.correct.mean())
