import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from disparate.data.cache import cache_folder, written_atomically
from disparate.data.images import conflicting_labels, decode, difference_hash, near_identical
from disparate.errors import BadInput


@pytest.fixture
def folder(tmp_path, write_image):
    for row in range(40):
        write_image(tmp_path / f"{row:02d}.png", seed=row)
    return tmp_path


NAMES = [f"{row:02d}.png" for row in range(40)]


def test_pixels_are_those_of_the_files(folder):
    images = decode(folder, NAMES, size=16)
    assert images.pixels.shape == (40, 16, 16, 3)
    assert images.rows.tolist() == list(range(40))
    for row in (0, 17, 39):
        assert np.array_equal(images.pixels[row], np.asarray(Image.open(folder / NAMES[row])))


def test_the_second_call_decodes_nothing(folder):
    calls = []
    first = decode(folder, NAMES, size=8, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(32, 40), (40, 40)]
    again = decode(folder, NAMES, size=8, progress=lambda *_: pytest.fail("decoded again"))
    assert again.folder == first.folder
    assert np.array_equal(again.pixels, first.pixels)
    assert np.array_equal(again.difference_hash, first.difference_hash)
    assert isinstance(again.pixels, np.memmap)


def test_a_changed_file_and_another_size_are_decoded_anew(folder, write_image):
    before = decode(folder, NAMES, size=8)
    assert decode(folder, NAMES, size=9).folder != before.folder
    write_image(folder / "05.png", seed=99)
    after = decode(folder, NAMES, size=8)
    assert after.folder != before.folder
    assert not np.array_equal(after.pixels[5], before.pixels[5])


def test_damaged_files_are_set_aside_with_a_list_beside_the_cache(folder):
    (folder / "03.png").write_bytes((folder / "03.png").read_bytes()[:200])
    (folder / "07.png").write_bytes(b"")
    (folder / "11.png").write_text("no image at all")
    (folder / "39.png").unlink()
    images = decode(folder, NAMES, size=16)
    assert [problem.what for problem in images.problems] == ["03.png", "07.png", "11.png", "39.png"]
    assert images.problems[1].found == "cannot be decoded (cannot identify image file '07.png')"
    assert images.problems[3].found == "file does not exist"
    assert images.rows.tolist() == [row for row in range(40) if row not in {3, 7, 11, 39}]
    assert len(images.pixels) == len(images.difference_hash) == len(images.pixel_hash) == 36
    assert np.array_equal(images.pixels[3], np.asarray(Image.open(folder / "04.png")))
    listed = json.loads((images.folder / "problems.json").read_text())
    assert [item["what"] for item in listed] == ["03.png", "07.png", "11.png", "39.png"]
    assert sorted(path.name for path in images.folder.iterdir()) == ["index.npy", "pixels.npy", "problems.json"]


def test_a_decompression_bomb_is_set_aside(folder, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200)
    images = decode(folder, NAMES[:3], size=16)
    assert len(images.problems) == 3
    assert "decompression bomb" in images.problems[0].found


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "CMYK", "LA", "I;16"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    grey = np.tile(np.arange(0, 256, 8, dtype=np.uint8), (32, 1))
    image = Image.fromarray(grey.astype(np.uint16) * 257) if mode == "I;16" else Image.fromarray(grey).convert(mode)
    image.save(tmp_path / "a.tif")
    images = decode(tmp_path, ["a.tif"], size=32)
    assert images.problems == ()
    assert images.pixels.shape == (1, 32, 32, 3)
    if mode in {"L", "RGBA", "LA"}:
        assert np.array_equal(images.pixels[0, :, :, 0], grey)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bits_of_grey_become_the_nearest_of_256_levels(tmp_path, name):
    ramp = np.linspace(0, 65535, 32 * 32).astype(np.uint16).reshape(32, 32)
    Image.fromarray(ramp).save(tmp_path / name)
    found = decode(tmp_path, [name], size=32).pixels[0]
    assert np.array_equal(found[:, :, 0], np.rint(ramp / 257))
    assert np.array_equal(found, np.repeat(found[:, :, :1], 3, axis=2))


@pytest.mark.parametrize("mode", ["I", "F"])
def test_grey_without_a_known_white_is_set_aside(tmp_path, write_image, mode):
    write_image(tmp_path / "b.png", seed=0)
    Image.new(mode, (8, 8), 1).save(tmp_path / "a.tif")
    images = decode(tmp_path, ["a.tif", "b.png"], size=8)
    assert images.rows.tolist() == [1]
    assert str(images.problems[0]) == (
        f"a.tif: cannot be decoded (mode '{mode}', which has no known white; save it with 8 or 16 bits) (set aside)"
    )


def test_the_middle_square_is_kept_and_exif_turns_it(tmp_path):
    wide = np.zeros((10, 30, 3), dtype=np.uint8)
    wide[:, 10:20] = 200
    wide[:5, 10:20, 0] = 100
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(wide).save(tmp_path / "plain.png")
    Image.fromarray(wide).save(tmp_path / "turned.png", exif=exif)
    pixels = decode(tmp_path, ["plain.png", "turned.png"], size=10).pixels
    assert np.array_equal(pixels[0], wide[:, 10:20])
    assert np.array_equal(pixels[1], wide[::-1, 10:20])


def test_sizes_and_lists_below_one_are_refused(tmp_path):
    with pytest.raises(BadInput, match="1 files at size=0; at least one of each was expected"):
        decode(tmp_path, ["a.png"], size=0)
    with pytest.raises(BadInput, match="0 files at size=8"):
        decode(tmp_path, [], size=8)


def test_a_damaged_cache_is_made_again(folder):
    images = decode(folder, NAMES, size=16)
    whole = np.array(images.pixels)
    content = (images.folder / "pixels.npy").read_bytes()
    (images.folder / "pixels.npy").write_bytes(content[:1000])
    assert np.array_equal(decode(folder, NAMES, size=16).pixels, whole)


KILLED = """
import os, signal, sys
from pathlib import Path
from disparate.data.images import decode
decode(Path(sys.argv[1]), sys.argv[2:], size=16, progress=lambda done, total: os.kill(os.getpid(), signal.SIGKILL))
"""


def test_a_kill_leaves_no_half_cache(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("DISPARATE_CACHE", str(tmp_path / "cache"))
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder), *NAMES], check=False)
    assert done.returncode == -9
    assert [path.suffix for path in (tmp_path / "cache" / "images").iterdir()] == [".partial"]
    assert len(decode(folder, NAMES, size=16).pixels) == 40


def test_an_interruption_removes_what_was_begun(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("DISPARATE_CACHE", str(tmp_path / "cache"))

    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        decode(folder, NAMES, size=16, progress=interrupt)
    assert list((tmp_path / "cache" / "images").iterdir()) == []


def test_of_two_processes_one_wins_and_both_can_read(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("DISPARATE_CACHE", str(tmp_path / "cache"))
    inner = []

    def meanwhile(done, total):
        if not inner:
            inner.append(None)
            inner.append(decode(folder, NAMES, size=16))

    outer = decode(folder, NAMES, size=16, progress=meanwhile)
    assert outer.folder == inner[1].folder
    assert np.array_equal(outer.pixels, inner[1].pixels)
    assert [path.name for path in (tmp_path / "cache" / "images").iterdir()] == [outer.folder.name]


def test_what_a_killed_process_left_is_removed_a_day_later(tmp_path):
    left = tmp_path / "old.partial"
    left.mkdir()
    os.utime(left, (0, 0))
    with written_atomically(tmp_path / "entry", need=0, is_whole=lambda: True) as partial:
        (partial / "a").write_text("x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["entry"]


def test_a_cache_that_cannot_be_written_is_named(folder, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DISPARATE_CACHE", str(tmp_path / "file"))
    with pytest.raises(BadInput, match=r"cache '.*/file/images' cannot be written: .*Set DISPARATE_CACHE"):
        decode(folder, NAMES, size=16)


def test_too_little_space_is_said_beforehand(tmp_path):
    with (
        pytest.raises(BadInput, match=r"1000000000 MiB are needed and \d+ MiB are free"),
        written_atomically(tmp_path / "entry", need=10**9 * 2**20, is_whole=lambda: True),
    ):
        pytest.fail("written")


def test_the_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("DISPARATE_CACHE", "/a/b")
    assert str(cache_folder()) == "/a/b"
    monkeypatch.delenv("DISPARATE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "disparate"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "disparate"


def test_the_difference_hash_is_one_bit_per_step_to_the_right():
    grey = np.random.default_rng(0).integers(0, 256, (8, 9), dtype=np.uint8)
    bits = "".join(str(int(grey[row, column + 1] > grey[row, column])) for row in range(8) for column in range(8))
    assert difference_hash(Image.fromarray(grey)) == int(bits, 2)


def test_a_rescaled_copy_is_near_identical_and_another_image_is_not(tmp_path):
    smooth = Image.fromarray(np.random.default_rng(1).integers(0, 256, (8, 9, 3), dtype=np.uint8))
    smooth.resize((180, 160), Image.Resampling.BICUBIC).save(tmp_path / "large.png")
    smooth.resize((90, 80), Image.Resampling.BICUBIC).save(tmp_path / "small.png")
    smooth.rotate(180).resize((90, 80), Image.Resampling.BICUBIC).save(tmp_path / "other.png")
    images = decode(tmp_path, ["large.png", "small.png", "other.png"], size=8)
    large, small, other = near_identical(images.difference_hash).tolist()
    assert large == small != other
    assert len(set(images.pixel_hash.tolist())) == 3


def test_identical_images_whose_labels_disagree_are_noted_once_per_label():
    hashes = np.array([5, 9, 5, 9, 7, 5], dtype=np.uint64)
    names = list("abcdef")
    values = {"age": np.array(["1", "2", "1", "3", "4", "1"]), "race": np.array(["x", "y", "z", "y", "x", "x"])}
    assert [str(problem) for problem in conflicting_labels(hashes, names, values)] == [
        "a: pixel-identical to c, f, but race is 'x' and 'z' (kept)",
        "b: pixel-identical to d, but age is '2' and '3' (kept)",
    ]
    assert conflicting_labels(hashes[:0], [], {"age": values["age"][:0]}) == []
