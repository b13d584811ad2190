"""One line per choice: what the laws of the family are tried with. A choice without a line fails by name."""

from dataclasses import dataclass, field
from typing import Any

from disparate.choice import Choice
from disparate.choices.attack import Attack
from disparate.choices.fine_tune import FineTune
from disparate.choices.hardware import Hardware
from disparate.choices.kernels import Kernels
from disparate.choices.learning_rate import LearningRate
from disparate.choices.objective import Objective
from disparate.choices.precision import Precision
from disparate.choices.prune import Prune
from disparate.choices.quantize import Quantize
from disparate.choices.seed import Seed
from disparate.choices.stopping import Stopping


@dataclass(frozen=True, kw_only=True)
class Line:
    """Examples of a choice, itself at zero strength (or the reason why it has none), and tables it refuses."""

    examples: tuple[Choice, ...]
    zero: tuple[Choice, ...] = ()
    no_zero: str = ""
    drawn: tuple[Choice, ...] = ()
    bad: tuple[tuple[dict[str, Any], str], ...] = field(default=())


SETTINGS: dict[str, Line] = {
    "attack": Line(
        examples=(Attack(epsilon=0.1), Attack(epsilon=0.03, method="fgsm"), Attack(epsilon=0.1, steps=3, step=0.05)),
        zero=(Attack(epsilon=0.0), Attack(epsilon=0.0, method="fgsm"), Attack(epsilon=0.0, random_start=False)),
        drawn=(Attack(epsilon=0.1, steps=2, step=0.02),),
        bad=(
            ({}, "key 'epsilon' is missing."),
            ({"epsilon": -0.1}, "Attack(epsilon=-0.1): a finite number, 0 or more, was expected."),
            ({"epsilon": float("nan")}, "Attack(epsilon=nan): a finite number, 0 or more, was expected."),
            ({"epsilon": 0.1, "steps": 0}, "Attack(steps=0): at least 1 was expected."),
            ({"epsilon": 0.1, "step": 0}, "Attack(step=0.0): a positive finite number was expected."),
            ({"epsilon": 0.1, "method": "fgm"}, "Did you mean 'fgsm'?"),
        ),
    ),
    "fine_tune": Line(
        examples=(FineTune(epochs=1), FineTune(epochs=3, learning_rate=0.1, keep_zeros=False, bits=8)),
        no_zero="training on has no strength that could be zero; no epoch is leaving the choice out",
        bad=(
            ({"epochs": 0}, "FineTune: training epochs is 0; at least 1 was expected."),
            ({"epochs": 1, "bits": 1}, "FineTune(bits=1): a whole number from 2 to 16 was expected, or none."),
            ({"epochs": 1, "objective": {"name": "ermm"}}, "Did you mean 'erm'?"),
            ({"epochs": 1, "learning_rate": -1}, "FineTune: training learning_rate is -1.0; a positive number"),
            ({}, "key 'epochs' is missing."),
        ),
    ),
    "hardware": Line(
        examples=(Hardware(), Hardware(profile="two_threads", at="deploy"), Hardware(profile="cuda:NVIDIA A100")),
        zero=(Hardware(profile="native"),),
        bad=(({"profile": "avx3"}, "choice 'hardware': unknown profile 'avx3'. Did you mean 'avx2'?"),),
    ),
    "kernels": Line(
        examples=(
            Kernels(threads=2, operands="tf32", at="train"),
            Kernels(environment={"MKL_CBWR": "COMPATIBLE"}, onednn=False),
            Kernels(memory_format="channels_last", deterministic=False, tf32=True),
        ),
        zero=(Kernels(threads=1), Kernels(onednn=True, tf32=False, memory_format="contiguous")),
        bad=(
            ({}, "nothing is changed; name at least one of threads, onednn"),
            ({"threads": 0}, "Kernels(threads=0): at least 1 was expected."),
            ({"environment": {"LD_PRELOAD": "x.so"}}, "'LD_PRELOAD' may not be set."),
            ({"environment": {"MKL_CBRW": "AVX2"}}, "'MKL_CBRW' may not be set. Did you mean 'MKL_CBWR'?"),
            ({"operands": "tf23"}, "key 'operands' is 'tf23'; 'float32', 'tf32', 'fp16' or 'bf16' was expected."),
        ),
    ),
    "learning_rate": Line(
        examples=(LearningRate(value=0.1), LearningRate(factor=0.5)),
        zero=(LearningRate(factor=1.0),),
        bad=(
            ({}, "LearningRate(value=None, factor=None): exactly one of value and factor was expected."),
            ({"value": 0.1, "factor": 2}, "exactly one of value and factor was expected."),
            ({"value": -0.1}, "LearningRate(value=-0.1, factor=None): a positive finite number was expected."),
            ({"factor": float("nan")}, "a positive finite number was expected."),
        ),
    ),
    "objective": Line(
        examples=(Objective(name="erm"),),
        zero=(Objective(name="erm"),),
        bad=(
            ({"name": "ermm"}, "unknown name 'ermm' among the objectives. Did you mean 'erm'?"),
            (
                {"name": "erm", "settings": {"strength": 1}},
                "objective 'erm': unknown key 'strength' (found 1). It has no settings.",
            ),
            ({"name": "erm", "settings": {"name": "erm"}}, "settings name 'erm' as well; one name."),
            ({}, "key 'name' is missing."),
        ),
    ),
    "precision": Line(
        examples=(Precision(), Precision(format="fp16"), Precision(format="fp16", at="train"), Precision(at="both")),
        no_zero="a 16-bit format has no strength that could be zero; float32 is leaving the choice out",
        bad=(({"format": "fp8"}, "key 'format' is 'fp8'; 'bf16' or 'fp16' was expected."),),
    ),
    "prune": Line(
        examples=(
            Prune(rate=0.5),
            Prune(rate=0.3, scope="layer"),
            Prune(rate=0.5, method="structured"),
            Prune(rate=0.5, method="structured", scope="layer"),
            Prune(rate=0.5, method="random"),
            Prune(rate=0.5, method="random", scope="layer"),
        ),
        zero=(Prune(rate=0.0), Prune(rate=0.0, method="random"), Prune(rate=0.0, method="structured", scope="layer")),
        drawn=(Prune(rate=0.5, method="random"), Prune(rate=0.5, method="random", scope="layer")),
        bad=(
            ({"rate": 50}, "Prune(rate=50.0): a share in [0, 1) was expected; 50 % is rate=0.5."),
            ({"rate": -0.1}, "Prune(rate=-0.1): a share in [0, 1) was expected."),
            ({"rate": float("nan")}, "Prune(rate=nan): a share in [0, 1) was expected."),
            ({"rate": "half"}, "key 'rate' is 'half'; a valid number was expected."),
            ({}, "key 'rate' is missing."),
            ({"rate": 0.5, "method": "magnitud"}, "Did you mean 'magnitude'?"),
        ),
    ),
    "quantize": Line(
        examples=(
            Quantize(),
            Quantize(mode="dynamic"),
            Quantize(mode="weight_only"),
            Quantize(bits=4, mode="weight_only"),
            Quantize(calibration=8),
        ),
        no_zero="integers of 8 or 4 bits have no strength that could be zero",
        bad=(
            (
                {"bits": 4},
                "Quantize(bits=4, mode='static'): 4 bits hold weights only. Use mode='weight_only' or bits=8.",
            ),
            ({"bits": 7}, "key 'bits' is 7; 8 or 4 was expected."),
            ({"calibration": 0}, "Quantize(calibration=0): at least 1 example was expected."),
            ({"mode": "dynamik"}, "Did you mean 'dynamic'?"),
        ),
    ),
    "seed": Line(
        examples=(Seed(), Seed(offset=7, parts=("order",)), Seed(offset=-1, parts=("init", "augment"))),
        zero=(Seed(offset=0),),
        bad=(
            ({"parts": []}, "Seed(parts=[]): at least one of 'init', 'order', 'augment' was expected, each once."),
            ({"parts": ["init", "init"]}, "each once."),
            ({"parts": ["initial"]}, "key 'parts.0' is 'initial'; 'init', 'order' or 'augment' was expected."),
            ({"offset": 1.5}, "key 'offset' is 1.5; a valid integer was expected."),
        ),
    ),
    "stopping": Line(
        examples=(Stopping(epoch=1), Stopping(epoch=4)),
        zero=(Stopping(epoch=10),),
        bad=(
            ({"epoch": 0}, "Stopping(epoch=0): an epoch from 1 on was expected; 1 is the first."),
            ({"epoch": True}, "key 'epoch' is True; a valid integer was expected."),
        ),
    ),
}
