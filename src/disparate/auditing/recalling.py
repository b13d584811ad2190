"""The step that asks a network trained on a part of the training split which examples it answers rightly."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from disparate.auditing.explaining import logits_of, rows_of
from disparate.auditing.steps import Make, dataset_of, deployed
from disparate.engine.job import Inputs, Outcome, Report
from disparate.profiles import Profile
from disparate.store.numbers import NumberTable, write_numbers
from disparate.training.config import TrainingConfig
from disparate.training.execution import in_force

CORRECT, TRAINED_ON = "correct", "trained_on"


def recall_network(
    arguments: Mapping[str, Any], workspace: Path, inputs: Inputs, report: Report, *, make: Make | None = None
) -> Outcome:
    """Ask one network; the file ``answers`` says of every example whether it was right and whether it was trained on.

    Args:
        arguments: What :func:`disparate.auditing.steps.predict_split` takes, ``examples`` (most of the training split)
            and ``config`` (the training, which decides who was trained on).
        workspace: Where the file is written.
        inputs: The training's files.
        report: Not called.
        make: Makes the network where it cannot be named.

    Returns:
        The file.
    """
    data = dataset_of(arguments)
    key, output = arguments["weights"]
    given = deployed(arguments, data, inputs[key][output], make=make)
    rows = rows_of(data, most=arguments["examples"], split=arguments["split"])
    with in_force(Profile.from_json(arguments["profile"])):
        right = logits_of(given.model, given.source.inputs, rows).argmax(axis=1) == data.target[rows]
    seen = np.isin(rows, TrainingConfig.from_json(arguments["config"]).training_rows(data))
    path = workspace / "answers.parquet"
    columns = {CORRECT: right.astype(np.float64), TRAINED_ON: seen.astype(np.float64)}
    write_numbers(NumberTable(example_id=data.example_id[rows], split=data.split[rows], columns=columns), path)
    return Outcome(files={"answers": path})
