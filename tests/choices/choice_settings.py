"""One line per choice: what the laws of the family are tried with. A choice without a line fails by name."""

from dataclasses import dataclass, field
from typing import Any

from disparate.choice import Choice
from disparate.choices.analog import Analog
from disparate.choices.attack import Attack
from disparate.choices.augmentation import Augmentation
from disparate.choices.batch_size import BatchSize
from disparate.choices.capacity import Capacity
from disparate.choices.corrupt import Corrupt
from disparate.choices.crossbar import Crossbar
from disparate.choices.crossbar_training import CrossbarTraining
from disparate.choices.fair_grape import FairGrape
from disparate.choices.fair_prune import FairPrune
from disparate.choices.fine_tune import FineTune
from disparate.choices.hardware import Hardware
from disparate.choices.kernels import Kernels
from disparate.choices.learning_rate import LearningRate
from disparate.choices.normalisation import Normalisation
from disparate.choices.objective import Objective
from disparate.choices.precision import Precision
from disparate.choices.privacy import Privacy
from disparate.choices.prune import Prune
from disparate.choices.prune_channels import PruneChannels
from disparate.choices.quantize import Quantize
from disparate.choices.schedule import Schedule
from disparate.choices.seed import Seed
from disparate.choices.stopping import Stopping
from disparate.choices.thin import Thin
from disparate.training.targeting import Target


@dataclass(frozen=True, kw_only=True)
class Line:
    """Examples of a choice, itself at zero strength (or the reason why it has none), and tables it refuses."""

    examples: tuple[Choice, ...]
    zero: tuple[Choice, ...] = ()
    no_zero: str = ""
    drawn: tuple[Choice, ...] = ()
    bad: tuple[tuple[dict[str, Any], str], ...] = field(default=())


SETTINGS: dict[str, Line] = {
    "analog": Line(
        examples=(
            Analog(cells="pcm"),
            Analog(cells="pcm", seconds=3600.0, compensate=True),
            Analog(cells="reram_wan2022", seconds=1.0),
            Analog(cells="reram_cmo", seconds=60.0, noise=0.5),
        ),
        zero=(Analog(cells="pcm", noise=0.0), Analog(cells="reram_cmo", noise=0.0, compensate=True)),
        drawn=(Analog(cells="pcm"), Analog(cells="reram_wan2022"), Analog(cells="pcm", noise=0.0, seconds=60.0)),
        bad=(
            ({}, "key 'cells' is missing."),
            ({"cells": "flash"}, "key 'cells' is 'flash'; 'pcm', 'reram_wan2022' or 'reram_cmo' was"),
            ({"cells": "pcm", "seconds": -1.0}, "Analog(seconds=-1.0): a finite number, 0 or more, was expected."),
            ({"cells": "pcm", "noise": float("nan")}, "Analog(noise=nan): a finite number, 0 or more, was expected."),
            ({"cells": "reram_wan2022", "seconds": 60.0}, "0, 1, 86400 or 172800 was expected, the times of"),
        ),
    ),
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
    "augmentation": Line(
        examples=(Augmentation(flip=True), Augmentation(crop=4), Augmentation(flip=True, crop=2)),
        zero=(Augmentation(flip=False), Augmentation(flip=False, crop=0)),
        bad=(
            ({}, "Augmentation(flip=None, crop=None): nothing is changed; give flip or crop."),
            ({"crop": -1}, "Augmentation(crop=-1): 0 or more pixels were expected."),
            ({"crop": 1.5}, "key 'crop' is 1.5; a valid integer was expected."),
            ({"flipp": True}, "unknown key 'flipp' (found True). Did you mean 'flip'?"),
        ),
    ),
    "batch_size": Line(
        examples=(BatchSize(value=32), BatchSize(value=512, scale_rate=True)),
        zero=(BatchSize(value=128), BatchSize(value=128, scale_rate=True)),
        bad=(
            ({}, "key 'value' is missing."),
            ({"value": 0}, "BatchSize(value=0): at least 1 example per step was expected."),
            ({"value": 64.5}, "key 'value' is 64.5; a valid integer was expected."),
        ),
    ),
    "capacity": Line(
        examples=(Capacity(value=8), Capacity(factor=0.5), Capacity(value=128, setting="width_per_group")),
        zero=(Capacity(factor=1.0), Capacity(value=32)),
        bad=(
            ({}, "exactly one of value and factor was expected."),
            ({"value": 8, "factor": 2}, "exactly one of value and factor was expected."),
            ({"value": 0}, "Capacity(value=0): a width of at least 1 was expected."),
            ({"factor": -1}, "Capacity(factor=-1.0): a positive finite number was expected."),
            ({"factor": float("nan")}, "Capacity(factor=nan): a positive finite number was expected."),
        ),
    ),
    "corrupt": Line(
        examples=(Corrupt(kind="gaussian_noise"), Corrupt(kind="impulse_noise", severity=5)),
        zero=(Corrupt(kind="fog", severity=0),),
        drawn=(Corrupt(kind="gaussian_noise", severity=2),),
        bad=(
            ({}, "key 'kind' is missing."),
            ({"kind": "gausian_noise"}, "Did you mean 'gaussian_noise'?"),
            ({"kind": "fog", "severity": 6}, "Corrupt(severity=6): a whole number from 0 to 5 was expected."),
            ({"kind": "fog", "severity": 2.5}, "key 'severity' is 2.5; a valid integer was expected."),
        ),
    ),
    "crossbar": Line(
        examples=(
            Crossbar(preset="fairxbar_noise"),
            Crossbar(bits=8, slices=3, stuck_on=0.02, stuck_off=0.01),
            Crossbar(bits=6, flips=0.02, encoding="offset"),
            Crossbar(programming=0.05, variation="lognormal", verify="all", verify_tolerance=0.02),
            Crossbar(bits=8, slices=2, wire=1.0, rows=16, columns=8, drift=0.02, drift_spread=0.01, drift_time=1e5),
            Crossbar(fidelity="mvm", bits=4, rows=16, stuck_off=0.1, dac_bits=4, adc_bits=6, calibration=16),
            Crossbar(preset="pcm", reestimate=32),
            Crossbar(preset="fairxbar_noise", target=Target(share=0.2)),
            Crossbar(
                preset="fairxbar_flips", target=Target(rule="highest", share=0.5, saliency="noise", dose="energy")
            ),
        ),
        zero=(
            Crossbar(),
            Crossbar(preset="pcm", programming=0.0),
            Crossbar(stuck_on=0.0, programming=0.0, read=0.0, variation="state", verify="all", rows=8, columns=8),
            Crossbar(programming=0.2, target=Target(rule="random", share=0.0)),
        ),
        drawn=(
            Crossbar(preset="fairxbar_noise"),
            Crossbar(bits=8, stuck_on=0.02),
            Crossbar(bits=8, flips=0.02),
            Crossbar(drift=0.05, drift_spread=0.02, drift_time=1e6),
            Crossbar(read=0.05),
        ),
        bad=(
            ({"programming": -0.1}, "crossbar: programming is -0.1; a σ of 0 or more was expected."),
            ({"bits": 4, "slices": 4}, "slices is 4 and bits is 4; at most 3 slices were expected (the sign is which"),
            ({"stuck_on": 2.0}, "stuck_on is 2.0; a share in [0, 1] was expected; 2 % is 0.02."),
            ({"stuck_on": 0.6, "stuck_off": 0.6}, "stuck_on + stuck_off is 1.2; at most 1 was expected."),
            ({"flips": 0.1}, "flips is 0.1 and bits is not given; say how many bits a weight has."),
            ({"g_min": 5.0, "g_max": 5.0}, "g_min is 5.0 and g_max is 5.0; 0 ≤ g_min < g_max was expected, in µS."),
            ({"adc_bits": 8}, "adc_bits is 8 and fidelity is 'weights', which has no converters. Use fidelity='mvm'."),
            ({"preset": "swin"}, "crossbar: preset is 'swin'. Did you mean 'swim'?"),
            ({"variation": "gaussian"}, "key 'variation' is 'gaussian'; 'constant', 'state', 'lognormal'"),
            ({"programming": float("nan")}, "programming is nan; a σ of 0 or more was expected."),
            ({"mask": "absent.safetensors"}, "mask = 'absent.safetensors' cannot be read"),
            ({"fault_map": "absent.safetensors"}, "fault_map = 'absent.safetensors' cannot be read"),
            ({"calibration": 0}, "crossbar: calibration is 0; 1 or more inputs were expected."),
            ({"target": {"share": 5}}, "target: share is 5.0; a share in [0, 1] was expected; 5 % is 0.05."),
            ({"target": {"rule": "fa"}}, "key 'target.rule' is 'fa'; 'fr', 'fr_and_ar', 'random' or 'highest' was"),
            ({"target": {"beta": -1}}, "target: beta is -1.0; a finite number of 0 or more was expected."),
            ({"target": {"rule": "fr_and_ar", "dose": "count"}}, "which is what other rules are matched with."),
            ({"target": {"unprivileged": "f", "privileged": "f"}}, "two different groups were expected."),
            ({"target": {"tilt": 1}}, "target.tilt"),
        ),
    ),
    "crossbar_training": Line(
        examples=(
            CrossbarTraining(epochs=1),
            CrossbarTraining(epochs=2, device={"preset": "fairxbar_noise", "programming": 0.05}, target=Target()),
            CrossbarTraining(
                epochs=1,
                objective={"name": "fairness_gap", "strength": 0.2},
                device={"preset": "fairxbar_flips"},
                target=Target(rule="fr_and_ar", share=0.2, privileged="m", unprivileged="f"),
                errors="write_back",
                refresh=5,
            ),
        ),
        no_zero="training on has no strength that could be zero; without a device it has no errors",
        bad=(
            ({}, "key 'epochs' is missing."),
            ({"epochs": 0}, "crossbar_training: training epochs is 0; at least 1 was expected."),
            ({"epochs": 1, "target": {}}, "there is a target and no device that could disturb it. Name a device."),
            ({"epochs": 1, "refresh": 5}, "refresh is 5 and there is no target that could be found anew"),
            ({"epochs": 1, "refresh": 0}, "refresh is 0; 1 or more steps were expected."),
            ({"epochs": 1, "device": {"programing": 0.1}}, "device 'ideal': unknown key 'programing' (found 0.1)."),
            ({"epochs": 1, "device": {"preset": "swin"}}, "crossbar: preset is 'swin'. Did you mean 'swim'?"),
            ({"epochs": 1, "device": {"fidelity": "mvm"}}, "fidelity is 'mvm', whose converters have no gradient"),
            ({"epochs": 1, "objective": {"name": "ermm"}}, "Did you mean 'erm'?"),
            ({"epochs": 1, "errors": "kept"}, "'straight_through' or 'write_back' was expected."),
        ),
    ),
    "fair_grape": Line(
        examples=(FairGrape(rate=0.5), FairGrape(rate=0.8, keep_per_iter=0.4, examples=64)),
        zero=(FairGrape(rate=0.0),),
        bad=(
            ({}, "key 'rate' is missing."),
            ({"rate": 90}, "FairGrape(rate=90.0): a share in [0, 1) was expected; 90 % is rate=0.9."),
            ({"rate": 0.5, "keep_per_iter": 1}, "FairGrape(keep_per_iter=1.0): a share in (0, 1) was expected."),
            ({"rate": 0.5, "examples": 0}, "FairGrape(examples=0): at least 1 was expected."),
            ({"rate": 0.5, "beta": 0.3}, "unknown key 'beta'"),
        ),
    ),
    "fair_prune": Line(
        examples=(
            FairPrune(rate=0.35),
            FairPrune(rate=0.5, beta=1.0, scope="layer", privileged="f", unprivileged="m", estimator="exact"),
            FairPrune(rate=0.5, beta=-1.0, max_rounds=3),
        ),
        zero=(FairPrune(rate=0.0), FairPrune(rate=0.0, scope="layer", max_rounds=3, patience=1)),
        drawn=(FairPrune(rate=0.5),),
        bad=(
            ({}, "key 'rate' is missing."),
            ({"rate": 35}, "FairPrune(rate=35.0): a share in [0, 1) was expected; 35 % is rate=0.35."),
            ({"rate": 0.5, "beta": -2}, "FairPrune(beta=-2.0): a finite number of -1 or more was expected."),
            ({"rate": 0.5, "beta": float("nan")}, "FairPrune(beta=nan): a finite number of -1 or more was expected."),
            ({"rate": 0.5, "max_rounds": 0}, "FairPrune(max_rounds=0): at least 1 was expected."),
            ({"rate": 0.5, "patience": 0}, "FairPrune(patience=0): at least 1 was expected."),
            ({"rate": 0.5, "privileged": "f", "unprivileged": "f"}, "two groups were expected."),
            ({"rate": 0.5, "estimator": "hutchinson"}, "'signs' or 'exact' was expected."),
        ),
    ),
    "fine_tune": Line(
        examples=(
            FineTune(epochs=1),
            FineTune(epochs=3, learning_rate=0.1, keep_zeros=False, bits=8, round_inputs=True),
            FineTune(epochs=4, prune_to=0.9, prune_epochs=3, prune_scope="global", dense_ends=False),
        ),
        no_zero="training on has no strength that could be zero; no epoch is leaving the choice out",
        bad=(
            ({"epochs": 0}, "FineTune: training epochs is 0; at least 1 was expected."),
            ({"epochs": 1, "bits": 1}, "FineTune(bits=1): a whole number from 2 to 16 was expected, or none."),
            ({"epochs": 1, "round_inputs": True}, "FineTune(round_inputs=True, bits=None): to how many bits?"),
            ({"epochs": 1, "prune_to": 90}, "a share in [0, 1) was expected; 90 % is prune_to=0.9."),
            ({"epochs": 1, "prune_epochs": 1}, "FineTune(prune_epochs=1, prune_to=None): prune to which share?"),
            ({"epochs": 1, "prune_to": 0.9, "prune_epochs": 2}, "FineTune(prune_epochs=2, epochs=1): 1 to 1 was"),
            ({"epochs": 1, "prune_to": 0.9, "keep_zeros": False}, "what is pruned would grow again."),
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
    "normalisation": Line(
        examples=(Normalisation(), Normalisation(groups=8)),
        no_zero="layers of another kind have no strength that could be zero",
        bad=(
            ({"kind": "layer"}, "key 'kind' is 'layer'; 'group' was expected."),
            ({"groups": 0}, "Normalisation(groups=0): 1 or more was expected."),
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
    "privacy": Line(
        examples=(
            Privacy(epsilon=3.0),
            Privacy(noise_multiplier=0.8, max_norm=0.5, delta=1e-6, gradients="ghost"),
            Privacy(noise_multiplier=0.0),
            Privacy(noise_multiplier=1.0, clip=False, sampling="shuffle"),
        ),
        zero=(Privacy(noise_multiplier=0.0, clip=False, sampling="shuffle"),),
        bad=(
            ({}, "Privacy(noise_multiplier=None, epsilon=None): exactly one of the two was expected."),
            ({"epsilon": 1, "noise_multiplier": 1}, "exactly one of the two was expected."),
            ({"epsilon": 0}, "Privacy(epsilon=0.0): a positive finite number was expected."),
            ({"noise_multiplier": -1}, "Privacy(noise_multiplier=-1.0): 0 or more was expected."),
            ({"epsilon": 1, "delta": 1}, "Privacy(delta=1.0): a number between 0 and 1 was expected."),
            ({"epsilon": 1, "max_norm": float("inf")}, "Privacy(max_norm=inf): a positive finite number (no bound is"),
            ({"epsilon": 1, "clip": False}, "without clipping no noise gives an ε; give noise_multiplier, or leave"),
            ({"epsilon": 1, "sampling": "poison"}, "Did you mean 'poisson'?"),
        ),
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
    "prune_channels": Line(
        examples=(PruneChannels(rate=0.5), PruneChannels(rate=0.3, scope="layer")),
        zero=(PruneChannels(rate=0.0), PruneChannels(rate=0.0, scope="layer")),
        bad=(
            ({}, "key 'rate' is missing."),
            ({"rate": 50}, "PruneChannels(rate=50.0): a share in [0, 1) was expected; 50 % is rate=0.5."),
            ({"rate": 0.5, "method": "random"}, "unknown key 'method'"),
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
    "schedule": Line(
        examples=(Schedule(shape="constant"), Schedule(warmup_epochs=2.0), Schedule(shape="step", warmup_epochs=0.5)),
        zero=(Schedule(shape="cosine"), Schedule(warmup_epochs=0.0)),
        bad=(
            ({}, "Schedule(shape=None, warmup_epochs=None): nothing is changed; give shape or warmup_epochs."),
            ({"shape": "cosin"}, "Did you mean 'cosine'?"),
            ({"warmup_epochs": -1}, "Schedule(warmup_epochs=-1.0): 0 or more epochs were expected."),
            ({"warmup_epochs": float("nan")}, "Schedule(warmup_epochs=nan): 0 or more epochs were expected."),
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
    "thin": Line(
        examples=(Thin(by="digit", group="8", keep=0.1), Thin(by="sex*race", group="f, x", keep=0.5, seed=3)),
        zero=(Thin(by="digit", group="8", keep=1.0),),
        bad=(
            ({"by": "digit", "group": "8"}, "key 'keep' is missing."),
            ({"by": "digit", "group": "8", "keep": 10}, "Thin(keep=10.0): a share in (0, 1] was expected."),
            ({"by": "digit", "group": "8", "keep": 0}, "Thin(keep=0.0): a share in (0, 1] was expected."),
            ({"by": "digit", "group": "8", "keep": float("nan")}, "Thin(keep=nan): a share in (0, 1] was expected."),
        ),
    ),
}
