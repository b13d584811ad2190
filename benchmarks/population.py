"""Images per second of a population of small networks in training, against the loop that everybody writes.

Run: python benchmarks/population.py [--runs 3] [--threads 2]; nothing has to be installed. Networks, batch and
augmentation are those of the recipes at laptop scale (width 32) and at smoke scale (width 8); the pictures are bytes
in memory. The loop is PyTorch's own: a network at a time, two threads within an operation, a DataLoader that crops,
mirrors and normalises with torchvision's transforms, in the training process or in two of its own; the faster counts.

disparate trains the same networks as jobs: as many processes side by side as there are cores, one thread in each.
Seconds are those from the start of the first training to the end of the last. Neither side pays for the start of
processes and imports. ``one at a time`` is the same jobs in one process: the weights of every seed are compared bit
for bit.
"""

import hashlib
import resource
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from contest import Row, measured, play, ratio, summary
from surroundings import publish, surroundings
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from disparate.auditing.audit import Audit
from disparate.auditing.plan import plan, profiles_of
from disparate.data import data_named
from disparate.data.grouped import GroupedDataset
from disparate.data.saved import save_dataset
from disparate.data.synthetic import synthetic
from disparate.engine.local import LocalEngine
from disparate.models.small import SmallCNN
from disparate.profiles import profile_named
from disparate.store.runs import Store
from disparate.training.checkpoints import read_checkpoint
from disparate.training.config import TrainingConfig

EXAMPLES = 8000
MODELS = 4
CONFIG = TrainingConfig(epochs=2, learning_rate=0.05, flip=True, crop=2)
WIDTHS = {"laptop": 32, "smoke": 8}
LOOPS = {"plain loop": 0, "plain loop, 2 loading processes": 2}
OURS: Mapping[str, tuple[int | None, str, str]] = {
    "disparate, one at a time": (1, "native", "float32"),
    "disparate": (None, "native", "float32"),
    "disparate, channels_last": (None, "channels_last", "float32"),
    "disparate, channels_last, bf16": (None, "channels_last", "bf16"),
}
"""Contestant to slots, profile and precision; the last two give other numbers and are chosen, never slipped in."""
LIMIT = 2.0
AIM = 3.0


class Pictures(Dataset[tuple[torch.Tensor, int]]):
    """Pictures as a user holds them: bytes, one transform chain per example."""

    def __init__(self, data: GroupedDataset) -> None:
        rows = data.rows("train")
        self.pictures = torch.from_numpy(np.ascontiguousarray(data.inputs[rows])).permute(0, 3, 1, 2)
        self.target = data.target[rows].tolist()
        self.transform = v2.Compose([
            v2.RandomCrop(data.inputs.shape[1], padding=CONFIG.crop),
            v2.RandomHorizontalFlip(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize((0.5,) * 3, (0.25,) * 3),
        ])

    def __len__(self) -> int:
        return len(self.target)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(self.pictures[index]), self.target[index]


def plain_loop(data: GroupedDataset, width: int, workers: int) -> None:
    """Train the networks one after another, as a tutorial does."""
    for seed in range(MODELS):
        torch.manual_seed(seed)
        loader = DataLoader(Pictures(data), batch_size=CONFIG.batch_size, shuffle=True, num_workers=workers)
        model = SmallCNN(len(data.label_names), width=width)
        optimizer = torch.optim.SGD(
            model.parameters(), lr=CONFIG.learning_rate, momentum=CONFIG.momentum, weight_decay=CONFIG.weight_decay
        )
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, CONFIG.epochs * len(loader))
        loss_of = nn.CrossEntropyLoss()
        for _ in range(CONFIG.epochs):
            for inputs, target in loader:
                optimizer.zero_grad()
                loss_of(model(inputs), target).backward()
                optimizer.step()
                schedule.step()


def population(data: Path, width: int, store: Store, *, slots: int | None, profile: str, precision: Any) -> Row:
    """Train the same networks as jobs; the row says how long they took and what their weights are."""
    table = {"source": "saved", "root": str(data)}
    audit = Audit(
        name="population",
        data=table,
        model={"name": "small_cnn", "width": width},
        training=replace(CONFIG, precision=precision),
        profile=profile_named(profile),
        seeds=tuple(range(MODELS)),
        repeats=1,
        groups=("tone",),
    )
    engine = LocalEngine(slots=slots)
    fingerprints = dict.fromkeys(profiles_of(audit), profile)
    planned = plan(audit, content=data_named(table).content, fingerprints=fingerprints)
    training = [job for job in planned.jobs if job.name.startswith("train")]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = list(engine.execute(training, store).values())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    starts, ends = ([datetime.fromisoformat(getattr(item, name)) for item in done] for name in ("started", "finished"))
    return {
        "wall_s": (max(ends) - min(starts)).total_seconds(),
        "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "peak_mb": max(item.peak_mib or 0.0 for item in done),
        "weights": [_digest(store, job.key) for job in training],
    }


def _digest(store: Store, key: str) -> str:
    state = read_checkpoint(store.output(key, f"epoch_{CONFIG.epochs:04d}")).state
    digest = hashlib.sha256()
    for name, value in sorted(state.items()):
        digest.update(name.encode() + value.contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def turn(contestant: str, folder: Path) -> Row:
    """Let one contestant train all networks."""
    scale, _, name = contestant.partition(": ")
    saved, width = next((folder / "pictures").iterdir()), WIDTHS[scale]
    data = data_named({"source": "saved", "root": str(saved)})
    images = MODELS * CONFIG.epochs * len(data.rows("train"))
    if name in LOOPS:
        _, row = measured(lambda: plain_loop(data, width, LOOPS[name]))
    else:
        slots, profile, precision = OURS[name]
        store = Store.open(folder / f"store-{time.time_ns()}")
        row = population(saved, width, store, slots=slots, profile=profile, precision=precision)
    return {**row, "images": images, "images_per_s": round(images / row["wall_s"])}


def of_scale(rows: Sequence[Row], scale: str) -> Row:
    """Return what the turns of one scale say."""
    own = [
        {**row, "contestant": row["contestant"].partition(": ")[2]}
        for row in rows
        if row["contestant"].startswith(f"{scale}: ")
    ]
    found = summary(own, kept=["images"])
    for row in found.values():
        row["images_per_s"] = round(row["images"] / row["wall_s"]["median"])
    loop = max(LOOPS, key=lambda name: found[name]["images_per_s"])
    weights = {name: [row["weights"] for row in own if row["contestant"] == name] for name in OURS}
    apart = weights["disparate"] + weights["disparate, one at a time"]
    return {
        "width": WIDTHS[scale],
        "contestants": found,
        "faster_loop": loop,
        "times_as_fast": {name: ratio(found, loop, name)["wall_s"] for name in OURS},
        "weights_of_every_seed_equal_one_at_a_time": all(item == apart[0] for item in apart),
    }


def main() -> None:
    """Measure, write the result beside this file and print it."""
    around = surroundings("torchvision")

    def prepare(folder: Path) -> None:
        save_dataset(synthetic(examples=EXAMPLES), folder / "pictures")

    names = [f"{scale}: {name}" for scale in WIDTHS for name in (*LOOPS, *OURS)]
    rows = play(names, prepare, turn)
    if rows is None:
        return
    result = {
        "models": MODELS,
        "epochs": CONFIG.epochs,
        "batch": CONFIG.batch_size,
        **{scale: of_scale(rows, scale) for scale in WIDTHS},
        "limit": {"times_as_fast": LIMIT, "aim": AIM},
        **around,
    }
    publish(result, Path(__file__).with_suffix(".json"))


if __name__ == "__main__":
    main()
