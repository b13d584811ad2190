import pytest

from disparate.store.atomic import replacing


def write_half_and_fail(path):
    with replacing(path) as temporary:
        temporary.write_text("half")
        (path / "none").read_text()


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "folder" / "file"
    with replacing(path) as temporary:
        temporary.write_text("old")
    with pytest.raises(NotADirectoryError):
        write_half_and_fail(path)
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.parent == path.parent
    assert path.read_text() == "new"
