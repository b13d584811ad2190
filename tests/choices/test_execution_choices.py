"""Hardware and kernels: what exactly they alter."""

from disparate.choice import Variant
from disparate.choices.hardware import Hardware
from disparate.choices.kernels import VARIABLES, Kernels
from disparate.profiles import PROFILES, Profile


def test_hardware_replaces_the_whole_profile():
    before = Profile(name="mine", threads=7, operands="tf32")
    assert Hardware(profile="avx2").execute(before) == PROFILES["avx2"]


def test_kernels_change_what_they_name_and_nothing_else():
    after = Kernels(threads=2, operands="bf16").execute(PROFILES["avx2"])
    assert after.name == "avx2+threads=2+operands=bf16"
    assert (after.threads, after.operands) == (2, "bf16")
    assert (after.environment, after.requires) == (PROFILES["avx2"].environment, PROFILES["avx2"].requires)


def test_kernels_add_and_replace_variables():
    choice = Kernels(environment={"MKL_CBWR": "COMPATIBLE", "OMP_DYNAMIC": "FALSE"})
    after = choice.execute(PROFILES["avx2"])
    assert dict(after.environment) == {
        **dict(PROFILES["avx2"].environment),
        "MKL_CBWR": "COMPATIBLE",
        "OMP_DYNAMIC": "FALSE",
    }
    assert after.name == "avx2+MKL_CBWR=COMPATIBLE+OMP_DYNAMIC=FALSE"


def test_every_variable_of_a_profile_may_be_set():
    assert {key for profile in PROFILES.values() for key, _ in profile.environment} <= set(VARIABLES)


def test_train_here_deploy_there():
    variant = Variant(name="v", choices=(Hardware(profile="avx512", at="train"), Kernels(threads=2, at="deploy")))
    assert variant.profile(Profile(), at="train").name == "avx512"
    assert variant.profile(Profile(), at="deploy").name == "native+threads=2"


def test_order_in_a_chain():
    chain = (Kernels(threads=2), Hardware(profile="avx2"))
    assert Variant(name="v", choices=chain).profile(Profile(), at="deploy").name == "avx2"
    assert Variant(name="v", choices=chain[::-1]).profile(Profile(), at="deploy").name == "avx2+threads=2"
