from dataclasses import replace

import pytest

from disparate.auditing.plan import acts_on_training, fingerprint_jobs, plan, profiles_of
from disparate.choice import Variant
from disparate.choices.capacity import Capacity
from disparate.choices.hardware import Hardware
from disparate.choices.learning_rate import LearningRate
from disparate.choices.prune import Prune
from disparate.choices.stopping import Stopping
from disparate.errors import BadInput
from disparate.predictions import REFERENCE


def prints(audit, same=()):
    return {p: "same" if p.name in same else p.name for p in profiles_of(audit)}


def laid_out(audit, same=()):
    return plan(audit, content="content", fingerprints=prints(audit, same))


def key(planned, variant, seed=0, repeat=0):
    return next(r.key for r in planned.runs if (r.run.variant, r.run.seed, r.run.repeat) == (variant, seed, repeat))


def test_the_same_audit_has_the_same_keys(audit):
    assert [job.key for job in laid_out(audit).jobs] == [job.key for job in laid_out(audit).jobs]


def test_every_run_has_a_key_and_every_job_stands_once(audit):
    planned = laid_out(audit)
    assert len(planned.runs) == 2 * (2 + len(audit.variants))
    keys = [job.key for job in planned.jobs]
    assert len(keys) == len(set(keys))
    assert {run.key for run in planned.runs} <= set(keys)


def test_what_does_not_touch_training_shares_the_references_weights(audit):
    planned = laid_out(audit)
    own = planned.weights(REFERENCE, 0)
    assert planned.weights("half", 0) == own
    assert planned.weights("deployed elsewhere", 0) == own
    assert planned.weights("another seed", 0) != own
    assert planned.weights("emulated", 0) != own


def test_an_early_stop_is_an_epoch_of_the_references_training(audit):
    planned = laid_out(audit)
    own, stopped = planned.weights(REFERENCE, 0), planned.weights("stopped", 0)
    assert stopped.key == own.key
    assert (stopped.output, own.output) == ("epoch_0001", "epoch_0002")


def test_early_stops_of_another_rate_are_epochs_of_one_training_at_that_rate(audit):
    slow = LearningRate(factor=0.5)
    early = replace(audit, variants=(
        Variant(name="slow", choices=(slow,)), Variant(name="slow, 1", choices=(slow, Stopping(epoch=1))),
    ))  # fmt: skip
    planned = laid_out(early)
    whole, stopped = planned.weights("slow", 0), planned.weights("slow, 1", 0)
    assert whole.key == stopped.key != planned.weights(REFERENCE, 0).key
    assert (stopped.output, whole.output) == ("epoch_0001", "epoch_0002")
    alone = laid_out(replace(early, variants=early.variants[1:])).weights("slow, 1", 0)
    assert alone.key != whole.key  # nobody asks for the second epoch there, so it is not trained


def test_another_width_is_another_network_with_jobs_of_its_own(audit):
    narrow = Variant(name="narrow", choices=(Capacity(factor=0.5), Prune(rate=0.5)))
    planned = laid_out(replace(audit, variants=(narrow,)))
    assert planned.weights("narrow", 0).key != planned.weights(REFERENCE, 0).key
    models = {job.name: job.arguments["model"]["width"] for job in planned.jobs}
    assert models["train narrow seed 0"] == models["predict narrow seed 0"] == 2
    assert models["predict reference seed 0"] == 4
    assert acts_on_training(replace(audit, variants=(narrow,)), prints(audit)) == {"narrow": True}


def test_keys_of_trainings_stay(audit):
    """Stored studies are reused: a key that moved would train them all again."""
    assert laid_out(audit).weights(REFERENCE, 0).key.startswith("3238b51e41366024")


def test_a_repeat_is_never_answered_by_the_run_it_repeats(audit):
    planned = laid_out(audit)
    assert key(planned, REFERENCE, repeat=1) != key(planned, REFERENCE)
    assert planned.weights(REFERENCE, 0, repeat=1).key != planned.weights(REFERENCE, 0).key


def test_train_there_and_deploy_there_differ_from_deploying_there(audit):
    planned = laid_out(audit)
    assert key(planned, "emulated") != key(planned, "deployed elsewhere")


@pytest.mark.parametrize(
    "change",
    [
        lambda a: replace(a, training=replace(a.training, epochs=3)),
        lambda a: replace(a, model={"name": "small_cnn", "width": 8}),
        lambda a: replace(a, code="other code"),
        lambda a: replace(a, objective={"name": "erm", "more": 1}),
    ],
)
def test_what_matters_changes_the_training_key(audit, change):
    assert laid_out(change(audit)).weights(REFERENCE, 0).key != laid_out(audit).weights(REFERENCE, 0).key


def test_the_content_of_the_data_matters(audit):
    other = plan(audit, content="other", fingerprints=prints(audit))
    assert other.weights(REFERENCE, 0).key != laid_out(audit).weights(REFERENCE, 0).key


def test_names_and_measures_do_not_matter(audit):
    renamed = replace(audit, name="other", measures=("accuracy",), level=0.9)
    renamed = replace(renamed, variants=tuple(replace(v, name=f"{v.name}!") for v in audit.variants))
    assert {job.key for job in laid_out(renamed).jobs} == {job.key for job in laid_out(audit).jobs}


def test_two_names_with_one_fingerprint_are_one_profile(audit):
    twin = Variant(name="twin", choices=(Hardware(profile="one_thread"),))
    audit = replace(audit, variants=(twin,))
    planned = laid_out(audit, same=("native", "one_thread"))
    assert key(planned, "twin") == key(planned, REFERENCE)
    assert acts_on_training(audit, prints(audit, same=("native", "one_thread"))) == {"twin": False}
    assert acts_on_training(audit, prints(audit)) == {"twin": True}


def test_what_acts_on_training_is_told(audit):
    assert acts_on_training(audit, prints(audit)) == {
        "another seed": True,
        "stopped": True,
        "emulated": True,
        "deployed elsewhere": False,
        "half": False,
        "half, int8": False,
    }


def test_the_references_choices_come_once_and_before_each_variants_own(audit):
    slower = LearningRate(factor=0.5)
    audit = replace(audit, reference=Variant(name=REFERENCE, choices=(slower, Prune(rate=0.2))))
    planned = laid_out(audit)
    jobs = {job.name: job for job in planned.jobs}
    assert jobs["train reference seed 0"].arguments["config"]["learning_rate"] == audit.training.learning_rate / 2
    assert planned.weights("half", 0) == planned.weights(REFERENCE, 0)
    rates = [table["rate"] for table in jobs["predict half seed 0"].arguments["choices"]]
    assert rates == [0.2, 0.5]
    assert acts_on_training(audit, prints(audit))["half"] is False


def test_weights_named_by_a_file_count_by_its_content(audit, tmp_path):
    path = tmp_path / "w.safetensors"
    keys = []
    for content in (b"one", b"two"):
        path.write_bytes(content)
        changed = replace(audit, model={"name": "small_cnn", "weights": str(path)})
        keys.append(laid_out(changed).weights(REFERENCE, 0).key)
    assert keys[0] != keys[1]
    with pytest.raises(BadInput, match=r"\[model\] weights = '.*absent' cannot be read"):
        laid_out(replace(audit, model={"name": "small_cnn", "weights": str(tmp_path / "absent")}))


def test_inherited_variables_are_part_of_the_fingerprints_key(audit, monkeypatch):
    native = profiles_of(audit)[:1]
    before = fingerprint_jobs(native)[native[0]].key
    monkeypatch.setenv("DNNL_DEFAULT_FPMATH_MODE", "BF16")
    assert fingerprint_jobs(native)[native[0]].key != before


def test_a_random_choice_is_drawn_again_and_another_is_not(audit):
    variants = (
        Variant(name="random", choices=(Prune(rate=0.5, method="random"),)),
        Variant(name="smallest", choices=(Prune(rate=0.5),)),
    )
    runs = laid_out(replace(audit, variants=variants, draws=3, seeds=(0,))).runs
    assert [run.run.draw for run in runs if run.run.variant == "random"] == [0, 1, 2]
    assert [run.run.draw for run in runs if run.run.variant == "smallest"] == [0]
    assert len({run.key for run in runs if run.run.variant == "random"}) == 3


def test_jobs_carry_their_profiles_environment(audit):
    variant = Variant(name="compatible", choices=(Hardware(profile="mkl_compatible"),))
    planned = laid_out(replace(audit, variants=(variant,)))
    carrying = [job.name for job in planned.jobs if job.environment]
    assert carrying == [
        "train compatible seed 0",
        "predict compatible seed 0",
        "train compatible seed 1",
        "predict compatible seed 1",
    ]
    assert all(job.environment == (("MKL_CBWR", "COMPATIBLE"),) for job in planned.jobs if job.environment)


def test_fingerprints_are_taken_once_per_profile(audit):
    jobs = fingerprint_jobs(profiles_of(audit))
    assert [profile.name for profile in jobs] == ["native", "emulated_bf16"]
