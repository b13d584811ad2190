import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils import deterministic

from disparate.errors import NotApplicable
from disparate.profiles import PROFILES, Profile, profile_named, require_available
from disparate.training.execution import RoundedOperands, device_of, effective, in_force, round_mantissa, round_operand


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_bf16_rounding_is_torchs_own(value):
    tensor = torch.tensor([value])
    expected = tensor.bfloat16().float()
    if torch.isfinite(expected).all():
        assert torch.equal(round_operand(tensor, "bf16"), expected)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False), st.integers(1, 22))
def test_rounding_moves_a_number_by_at_most_half_a_step(value, bits):
    rounded = round_mantissa(torch.tensor([value]), bits).double().item()
    if np.isfinite(rounded) and abs(value) > 1e-30:
        step = 2.0 ** (np.floor(np.log2(abs(value))) - bits)
        assert abs(rounded - np.float64(np.float32(value))) <= step / 2 * (1 + 1e-12)


def test_infinities_stay():
    assert round_mantissa(torch.tensor([float("inf"), float("-inf")]), 10).tolist() == [float("inf"), float("-inf")]


def test_fp16_operands_overflow_as_the_format_does():
    assert round_operand(torch.tensor([70000.0, 1e-9]), "fp16").tolist() == [float("inf"), 0.0]


@pytest.mark.parametrize("operands", ["tf32", "bf16", "fp16"])
def test_products_are_those_of_rounded_operands_forward_and_backward(operands):
    generator = torch.Generator().manual_seed(0)
    left = torch.randn(4, 6, generator=generator, requires_grad=True)
    right = torch.randn(6, 3, generator=generator)
    upstream = torch.randn(4, 3, generator=generator)
    with RoundedOperands(operands):
        product = left @ right
        product.backward(upstream)
    assert torch.equal(product, round_operand(left.detach(), operands) @ round_operand(right, operands))
    assert torch.equal(left.grad, round_operand(upstream, operands) @ round_operand(right, operands).T)


def test_convolutions_are_rounded_too():
    generator = torch.Generator().manual_seed(0)
    images, weight = torch.randn(2, 3, 5, 5, generator=generator), torch.randn(4, 3, 3, 3, generator=generator)
    with RoundedOperands("tf32"):
        found = torch.nn.functional.conv2d(images, weight)
    expected = torch.nn.functional.conv2d(round_operand(images, "tf32"), round_operand(weight, "tf32"))
    assert torch.equal(found, expected)
    assert not torch.equal(found, torch.nn.functional.conv2d(images, weight))


def test_a_profile_is_in_force_and_then_no_longer():
    before = (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), torch.backends.mkldnn.enabled)
    filled = deterministic.fill_uninitialized_memory
    with in_force(Profile(name="odd", threads=2, onednn=False)):
        assert torch.get_num_threads() == 2
        assert torch.are_deterministic_algorithms_enabled()
        assert not deterministic.fill_uninitialized_memory
        assert not torch.backends.mkldnn.enabled
        assert effective(Profile(name="odd", threads=2, onednn=False))["threads"] == 2
    assert before == (
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch.backends.mkldnn.enabled,
    )
    assert filled == deterministic.fill_uninitialized_memory


def test_a_process_without_the_variables_is_refused(monkeypatch):
    monkeypatch.delenv("MKL_CBWR", raising=False)
    refusal = pytest.raises(NotApplicable, match="needs MKL_CBWR=COMPATIBLE from process start; this process has None")
    with refusal, in_force(PROFILES["mkl_compatible"]):
        pass


def test_a_missing_instruction_set_is_named():
    with pytest.raises(NotApplicable, match=r"profile 'mars' needs the instruction set mars512; this machine \(.+\)"):
        require_available(Profile(name="mars", requires=("mars512",)))


def test_a_missing_device_is_named():
    with pytest.raises(NotApplicable, match="profile 'cuda:NVIDIA Z9' needs device 'cuda:NVIDIA Z9'"):
        device_of(profile_named("cuda:NVIDIA Z9"))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_is_in_force():
    with in_force(PROFILES["cuda"]) as device:
        assert device.type == "cuda"
