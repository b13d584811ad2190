"""Checkpoints that are gone from the middle of a run: trained again by what answers, named by what only looks."""

import logging
from dataclasses import replace

import pytest

from disparate.auditing.explanation import explain
from disparate.auditing.look import Look
from disparate.auditing.run import answer
from disparate.data import data_named
from disparate.engine.events import Finished
from disparate.engine.inline import InlineEngine
from disparate.errors import BadInput
from disparate.predictions import REFERENCE
from disparate.store.runs import Store


@pytest.fixture
def answered(audit, tmp_path):
    asked = replace(
        audit,
        variants=(),
        seeds=(0,),
        repeats=1,
        data={"source": "synthetic", "examples": 300},
        training=replace(audit.training, epochs=3, keep_epochs=(1, 2)),
    )
    store, data = Store.open(tmp_path / "store"), data_named({"source": "synthetic", "examples": 300})
    return asked, data, store, answer(asked, data, store=store, engine=InlineEngine())


def lose(store, answers, epoch):
    record = store.job(answers.plan.weights(REFERENCE, 0).key)
    path = store.blobs.get(record.outputs[f"epoch_{epoch:04d}"])
    path.chmod(0o644)
    path.unlink()
    return record.name


def test_a_lost_epoch_is_trained_again_and_said(answered, caplog):
    asked, data, store, before = answered
    lose(store, before, 2)
    events = []
    with caplog.at_level(logging.WARNING):
        after = answer(asked, data, store=store, engine=InlineEngine(), progress=events.append)
    assert "output 'epoch_0002'" in caplog.text
    assert [event.job.name for event in events if isinstance(event, Finished)] == ["train reference seed 0"]
    assert (after.predictions[0].losses == before.predictions[0].losses).all()


def test_a_look_at_a_run_with_a_lost_epoch_names_it(answered):
    asked, data, store, before = answered
    lose(store, before, 2)
    look = Look(curvature=8, examples=20, points=0, matrices=())
    with pytest.raises(BadInput, match="needs 'epoch_0002' of job 'train reference seed 0', which was finished"):
        explain(asked, before, look=look, store=store, engine=InlineEngine(), data=data)
