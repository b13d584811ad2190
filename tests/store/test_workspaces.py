import os
import platform
import subprocess
import sys

from disparate.store.workspaces import new_workspace, sweep


def test_only_what_dead_processes_of_this_machine_left_is_swept(tmp_path):
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        pass
    ours = new_workspace(tmp_path)
    left = tmp_path / f"{platform.node()}-{dead.pid}-abc123"
    elsewhere = tmp_path / f"other-machine-{dead.pid}-abc123"
    for folder in (left, elsewhere):
        folder.mkdir()
        (folder / "file").write_text("x")
    sweep(tmp_path)
    assert set(tmp_path.iterdir()) == {ours, elsewhere}
    assert str(os.getpid()) in ours.name
