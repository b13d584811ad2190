from disparate.profiles import PROFILES, Profile
from disparate.training.fingerprint import fingerprint


def test_the_same_profile_has_the_same_fingerprint():
    assert fingerprint(Profile()) == fingerprint(Profile(name="another name"))


def test_settings_that_change_the_result_change_the_fingerprint():
    names = ["native", "emulated_tf32", "emulated_bf16", "emulated_fp16"]
    assert len({fingerprint(PROFILES[name]) for name in names}) == 4
