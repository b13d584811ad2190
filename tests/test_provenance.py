import json
import os
import subprocess
from pathlib import Path

import pytest

from disparate import provenance
from disparate.provenance import (
    cores,
    cpu_flags,
    cpu_name,
    machine,
    peak_memory,
    source_revision,
    versions,
)

CPUINFO = "processor\t: 0\nmodel name\t: Some Processor 9\nflags\t\t: fpu avx2 avx512f\n\nprocessor\t: 1\n"


@pytest.fixture
def cpuinfo(monkeypatch):
    """Give ``cpuinfo(text)``, which stands in for the kernel's file; None for a system without it."""

    def pretend(text):
        def read_text(path, encoding=None):
            assert (str(path), encoding) == ("/proc/cpuinfo", "utf-8")
            if text is None:
                raise FileNotFoundError(path)
            return text

        monkeypatch.setattr(Path, "read_text", read_text)

    return pretend


def test_flags_and_name_are_read_as_the_kernel_writes_them(cpuinfo):
    cpuinfo(CPUINFO)
    assert cpu_flags.__wrapped__() == {"fpu", "avx2", "avx512f"}
    assert cpu_name.__wrapped__() == "Some Processor 9"


def test_an_arm_kernel_calls_them_features(cpuinfo):
    cpuinfo("Features\t: fp asimd\n")
    assert cpu_flags.__wrapped__() == {"fp", "asimd"}


@pytest.mark.parametrize("text", [None, ""])
def test_where_nothing_can_be_read_no_flag_is_claimed(text, cpuinfo):
    cpuinfo(text)
    assert cpu_flags.__wrapped__() == frozenset()
    assert isinstance(cpu_name.__wrapped__(), str)


def test_versions_name_what_is_installed_and_leave_out_what_is_not(monkeypatch):
    monkeypatch.setattr(provenance, "PACKAGES", ("numpy", "no-such-package"))
    found = versions()
    assert set(found) == {"python", "numpy"}
    assert all(found.values())


def test_at_least_one_core_and_no_more_than_there_are():
    assert 1 <= cores() <= (os.cpu_count() or 1)


def test_memory_is_told_in_mebibytes():
    assert 10 < peak_memory() < 2**20


def test_the_machine_is_plain_values():
    assert set(json.loads(json.dumps(machine()))) == {"system", "processor", "cores"}


def test_the_revision_of_a_checkout_and_whether_it_was_changed():
    root = Path(provenance.__file__).resolve().parents[2]
    if not (root / ".git").exists():
        assert source_revision() == {}
        return
    found = source_revision()
    assert set(found) == {"revision", "dirty"}
    assert len(found["revision"]) == 40


def test_without_git_no_revision_is_claimed(monkeypatch):
    def absent(*_arguments, **_settings):
        raise FileNotFoundError("git")

    monkeypatch.setattr(subprocess, "run", absent)
    assert source_revision() == {}
