import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disparate import profiles
from disparate.errors import BadInput, NotApplicable
from disparate.profiles import PROFILES, Profile, profile_named, require_available

words = st.text(min_size=1, max_size=8)


@settings(max_examples=40, deadline=None)
@given(
    name=words,
    environment=st.dictionaries(words, words, max_size=3),
    threads=st.integers(1, 256),
    operands=st.sampled_from(["float32", "tf32", "fp16", "bf16"]),
    flags=st.lists(words, max_size=2),
)
def test_a_profile_survives_json(name, environment, threads, operands, flags):
    profile = Profile(
        name=name,
        environment=tuple(environment.items()),
        threads=threads,
        operands=operands,
        requires=tuple(flags),
    )
    again = Profile.from_json(json.loads(json.dumps(profile.to_json())))
    assert again == profile
    assert hash(again) == hash(profile)


def test_every_profile_is_listed_under_its_own_name():
    assert {name: profile.name for name, profile in PROFILES.items()} == {name: name for name in PROFILES}


def test_no_two_profiles_ask_for_the_same_but_one_thread_which_is_the_reference():
    asked = [replace(profile, name="") for profile in PROFILES.values()]
    doubled = [name for name, profile in PROFILES.items() if asked.count(replace(profile, name="")) > 1]
    assert doubled == ["native", "one_thread"]


def test_what_is_not_run_in_the_named_format_is_called_emulated():
    rounded = {name for name, profile in PROFILES.items() if profile.operands != "float32"}
    assert rounded == {name for name in PROFILES if name.startswith("emulated_")}


def test_an_instruction_set_is_asked_of_all_three_libraries():
    for name in ("avx512", "avx2", "sse41"):
        variables = [key for key, _ in PROFILES[name].environment]
        assert variables == ["ATEN_CPU_CAPABILITY", "MKL_CBWR", "ONEDNN_MAX_CPU_ISA"]
        assert PROFILES[name].requires


def test_an_unknown_profile_is_refused_with_the_nearest():
    with pytest.raises(BadInput) as error:
        profile_named("avx521")
    assert str(error.value) == "unknown profile 'avx521'. Did you mean 'avx512'?"


def test_a_kind_of_gpu_is_a_profile():
    assert profile_named("cuda:NVIDIA T4") == Profile(name="cuda:NVIDIA T4", device="cuda:NVIDIA T4")


def test_less_than_one_thread_is_refused():
    with pytest.raises(BadInput) as error:
        Profile(name="none", threads=0)
    assert str(error.value) == "profile 'none': threads=0; at least 1 was expected."


def test_a_profile_that_this_processor_cannot_run_is_refused(monkeypatch):
    monkeypatch.setattr(profiles, "cpu_flags", lambda: frozenset({"sse4_1"}))
    monkeypatch.setattr(profiles, "cpu_name", lambda: "Old Processor")
    require_available(PROFILES["sse41"])
    with pytest.raises(NotApplicable) as error:
        require_available(PROFILES["avx512"])
    assert str(error.value) == (
        "profile 'avx512' needs the instruction set avx512f; this machine (Old Processor) has not got it. Leave the "
        "profile out, or run the audit on a machine that has it."
    )
