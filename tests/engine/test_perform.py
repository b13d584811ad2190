import pytest

from disparate.engine.job import Outcome
from disparate.engine.perform import Failure, Order, perform
from disparate.errors import BadInput
from disparate.store.blobs import Blobs


def silent(done, total, message=""):
    pass


@pytest.fixture
def order(tmp_path):
    (tmp_path / "work").mkdir()
    return Order(
        name="a", function="m:f", arguments={"x": 1}, inputs={"k": {"weights": tmp_path / "w"}},
        workspace=tmp_path / "work", blobs=tmp_path / "blobs", log=tmp_path / "log",
    )  # fmt: skip


def test_an_order_survives_the_pipe(order):
    assert Order.from_json(order.to_json()) == order


def test_files_are_kept_and_the_record_becomes_plain(order):
    def function(arguments, workspace, inputs, report):
        (workspace / "w").write_bytes(b"weights")
        return Outcome(files={"weights": workspace / "w"}, record={"shape": (1, 2)})

    performed = perform(function, order, silent)
    assert performed.record == {"shape": [1, 2]}
    assert Blobs(root=order.blobs).get(performed.outputs["weights"]).read_bytes() == b"weights"
    assert performed.wall_s >= 0
    assert performed.peak_mib > 1


def test_reports_are_seldom_but_the_last_one_is_told(order):
    told = []

    def function(arguments, workspace, inputs, report):
        for number in range(1, 1001):
            report(number, 1000, "step")
        return Outcome()

    perform(function, order, lambda done, total, message="": told.append(done))
    assert told[0] == 1
    assert told[-1] == 1000
    assert len(told) < 100


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (None, "job 'a': m:f returned a NoneType; Outcome was expected"),
        (Outcome(record={"x": {1}}), "record of job 'a'['x'] is a builtins.set; a plain value was expected"),
        (Outcome(record={"x": float("nan")}), "record of job 'a'['x'] is nan; a finite number was expected"),
    ],
)
def test_what_cannot_be_kept_is_refused(order, outcome, text):
    with pytest.raises(BadInput) as caught:
        perform(lambda *_: outcome, order, silent)
    assert str(caught.value).startswith(text)


def test_a_file_that_was_not_written_is_refused(order):
    outcome = Outcome(files={"weights": order.workspace / "none"})
    with pytest.raises(BadInput, match=r"job 'a': output 'weights' is .*none, which is no file; write it before"):
        perform(lambda *_: outcome, order, silent)


def test_a_failure_can_always_be_written_down():
    failure = Failure.of(ValueError("\ud800"))
    assert failure.message == "ValueError: \\ud800"
    failure.trace.encode("utf-8")
