import sys
from textwrap import dedent

import pytest

from disparate.engine.job import Job
from disparate.store.runs import Store

STEPS = dedent("""
    import os, signal, subprocess, sys, time
    from pathlib import Path
    from disparate.engine.job import Outcome

    def diary(arguments, word):
        with open(arguments["diary"], "a") as file:
            file.write(f"{arguments['name']} {word} {os.getpid()}\\n")

    def write(arguments, workspace, inputs, report):
        assert list(workspace.iterdir()) == []
        diary(arguments, "begin")
        time.sleep(arguments.get("seconds", 0))
        texts = [path.read_text() for files in inputs.values() for path in files.values()]
        (workspace / "text").write_text(arguments["name"] + "(" + ",".join(texts) + ")")
        diary(arguments, "end")
        report(1, 2, "half")
        return Outcome(files={"text": workspace / "text"}, record={"pid": os.getpid(), "workspace": str(workspace)})

    def environment(arguments, workspace, inputs, report):
        names = ("TINY", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "PATH")
        return Outcome(record={name: os.environ.get(name) for name in names} | {"torch": "torch" in sys.modules})

    def fail(arguments, workspace, inputs, report):
        print("printed before the error")
        raise ValueError("no such luck \\ud800")

    def leave(arguments, workspace, inputs, report):
        sys.exit(3)

    def die(arguments, workspace, inputs, report):
        diary(arguments, "begin")
        if len(Path(arguments["diary"]).read_text().splitlines()) <= arguments["deaths"]:
            os.kill(os.getpid(), getattr(signal, arguments.get("signal", "SIGKILL")))
        return Outcome()

    def chat(arguments, workspace, inputs, report):
        print('{"event": "done"}')
        sys.stdout.write("no end of line")
        os.write(1, b"raw bytes to descriptor 1\\n")
        subprocess.run(["echo", "from a child"], check=True)
        return Outcome(record={"stdin": sys.stdin.read()})

    def huge(arguments, workspace, inputs, report):
        return Outcome(record={"text": "x" * arguments["size"]})

    def odd_record(arguments, workspace, inputs, report):
        return Outcome(record={"loss": {1.0, 2.0}})

    def odd_file(arguments, workspace, inputs, report):
        return Outcome(files={"weights": workspace / "none"})

    def odd_answer(arguments, workspace, inputs, report):
        return {"accuracy": 1}

    def count(arguments, workspace, inputs, report):
        for number in range(1000):
            report(number + 1, 1000)
        return Outcome()

    def hang(arguments, workspace, inputs, report):
        child = subprocess.Popen(["sleep", "600"])
        written = workspace / "pids"
        written.write_text(f"{os.getpid()} {child.pid}")
        written.replace(arguments["pids"])
        time.sleep(600)
        return Outcome()
""")


@pytest.fixture
def store(tmp_path):
    return Store.open(tmp_path / "runs")


@pytest.fixture
def steps(tmp_path, monkeypatch):
    (tmp_path / "steps").mkdir()
    (tmp_path / "steps" / "tiny_steps.py").write_text(STEPS)
    monkeypatch.syspath_prepend(tmp_path / "steps")
    sys.modules.pop("tiny_steps", None)
    return tmp_path / "steps"


@pytest.fixture
def diary(tmp_path):
    return tmp_path / "diary"


@pytest.fixture
def job(steps, diary):
    def make(name, function="write", *, environment=(), threads=1, needs=(), **arguments):
        return Job(
            key=f"key-{name}",
            name=name,
            function=f"tiny_steps:{function}",
            arguments={"name": name, "diary": str(diary), **arguments},
            environment=environment,
            threads=threads,
            needs=tuple(f"key-{need}" for need in needs),
        )

    return make
