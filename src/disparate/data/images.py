"""Images: decoded once into a cache of uint8 pixels, with a hash that tells near-identical ones."""

import hashlib
import json
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import PIL
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from PIL import Image, ImageOps

from disparate.data.cache import cache_folder, written_atomically
from disparate.data.grouped import Problem
from disparate.errors import BadInput

VERSION = 2
"""Part of the cache's key; raised whenever decoding or resizing changes."""

Progress = Callable[[int, int], None]
"""Called with the number of files done and the number of all."""

CHUNK = 32


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class DecodedImages:
    """Images at one size; only those that could be decoded.

    Args:
        pixels: uint8, shape (images, size, size, 3); memory-mapped, read-only.
        rows: Position of each image among the files asked for, rising, shape (images,).
        difference_hash: 64-bit difference hash of each source image, shape (images,).
        pixel_hash: 64 bits of the BLAKE2 hash of each source image's size and pixels, shape (images,).
        problems: The files that were set aside.
        folder: Where this lies in the cache; ``problems.json`` there lists what was set aside.
    """

    pixels: NDArray[np.uint8]
    rows: NDArray[np.intp]
    difference_hash: NDArray[np.uint64]
    pixel_hash: NDArray[np.uint64]
    problems: tuple[Problem, ...]
    folder: Path


def decode(
    root: Path, names: Sequence[str], *, size: int, workers: int | None = None, progress: Progress | None = None
) -> DecodedImages:
    """Return images at one size, decoded the first time and memory-mapped from the cache afterwards.

    An image is turned as its EXIF says, converted to RGB (16-bit grey to the nearest of 256 levels; transparency is
    dropped), scaled so that its shorter
    side is ``size`` (Lanczos), and cut to the central square. The cache's key is the hash of relative names, sizes
    in bytes, times of change, ``size``, and the versions of this code and of Pillow. It is written beside its place
    and renamed, so a kill never leaves half a cache.

    Args:
        root: Folder the names are relative to.
        names: Relative names of the files.
        size: Side of the square, pixels.
        workers: Threads that decode; one per core, at most 8, where not given.
        progress: Called while decoding.

    Returns:
        The images that could be decoded; every other file is a ``Problem``.

    Raises:
        BadInput: The size is less than 1, no file is named, or the cache cannot be written.
    """
    if size < 1 or not names:
        raise BadInput(f"images of '{root}': {len(names)} files at size={size}; at least one of each was expected.")
    folder = cache_folder() / "images" / _key(root, names, size)
    found = _open(folder)
    if found is not None:
        return found
    need = 2 * len(names) * size * size * 3
    with written_atomically(folder, need=need, is_whole=lambda: _open(folder) is not None) as partial:
        _fill(partial, root, names, size, workers or min(8, os.cpu_count() or 1), progress)
    found = _open(folder)
    if found is None:
        raise BadInput(f"image cache '{folder}' cannot be read back. Remove it, or set DISPARATE_CACHE.")
    return found


def near_identical(hashes: NDArray[np.uint64]) -> NDArray[np.str_]:
    """Return a cluster id per image: images with an equal difference hash are held to be near-identical.

    Equal hashes only, not near ones: a copy that was cropped or mirrored is not found, and two different
    images can share a hash, which costs a split nothing but keeping them together.

    Args:
        hashes: 64-bit difference hash per image, shape (images,).

    Returns:
        Cluster ids made from the hash, so that they do not depend on which other images there are.

    Example:
        >>> near_identical(np.array([10, 11, 10], dtype=np.uint64)).tolist()
        ['dhash:000000000000000a', 'dhash:000000000000000b', 'dhash:000000000000000a']
    """
    return np.array([f"dhash:{value:016x}" for value in hashes.tolist()], dtype=np.str_)


def difference_hash(image: Image.Image) -> int:
    """Return 64 bits: of the image in grey at 9 × 8 pixels, where a pixel is lighter than its left neighbour.

    Args:
        image: The source image.

    Returns:
        A number below 2**64, the first bit of the first row being the highest.

    Example:
        >>> ramp = Image.fromarray(np.tile(np.arange(90, dtype=np.uint8), (80, 1)))
        >>> difference_hash(ramp) == 2**64 - 1
        True
    """
    grey = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.LANCZOS))
    return int.from_bytes(np.packbits(grey[:, 1:] > grey[:, :-1]).tobytes(), "big")


def conflicting_labels(
    pixel_hash: NDArray[np.uint64], names: Sequence[str], values: Mapping[str, NDArray[np.str_]]
) -> list[Problem]:
    """Return a note for every set of pixel-identical images whose labels disagree; the images stay.

    Args:
        pixel_hash: Hash of the pixels per image.
        names: File name per image.
        values: What may disagree, by name (``"race"``), one text per image.

    Returns:
        One problem per set and name, in the order of the first image.

    Example:
        >>> found = conflicting_labels(np.array([7, 7]), ["a", "b"], {"age": np.array(["1", "2"])})
        >>> print(found[0])
        a: pixel-identical to b, but age is '1' and '2' (kept)
    """
    return [
        _conflict(names, rows, what, column[rows])
        for rows in _repeated(pixel_hash)
        for what, column in values.items()
        if len(set(column[rows].tolist())) > 1
    ]


def _repeated(pixel_hash: NDArray[np.uint64]) -> list[NDArray[np.intp]]:
    _, code, counts = np.unique(pixel_hash, return_inverse=True, return_counts=True)
    rows = np.flatnonzero(counts[code] > 1)
    order = rows[np.argsort(code[rows], kind="stable")]
    sets = np.split(order, np.flatnonzero(np.diff(code[order])) + 1)
    return sorted((found for found in sets if found.size), key=lambda found: int(found[0]))


def _conflict(names: Sequence[str], rows: NDArray[np.intp], what: str, found: NDArray[np.str_]) -> Problem:
    first, *others = [str(names[row]) for row in rows]
    values = " and ".join(f"'{value}'" for value in dict.fromkeys(found.tolist()))
    return Problem(what=first, found=f"pixel-identical to {', '.join(others)}, but {what} is {values}", action="kept")


def _key(root: Path, names: Sequence[str], size: int) -> str:
    digest = hashlib.sha256(json.dumps([VERSION, PIL.__version__, size, *names]).encode())
    digest.update(np.array([_state(os.path.join(root, name)) for name in names], dtype="<i8").tobytes())
    return digest.hexdigest()


def _state(path: str) -> tuple[int, int]:
    try:
        state = os.stat(path)
    except OSError:
        return -1, -1
    return state.st_size, state.st_mtime_ns


def _open(folder: Path) -> DecodedImages | None:
    try:
        listed = json.loads((folder / "problems.json").read_text(encoding="utf-8"))
        index = np.load(folder / "index.npy", allow_pickle=False)
        pixels = np.load(folder / "pixels.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        return None
    return DecodedImages(
        pixels=pixels,
        rows=index["row"],
        difference_hash=index["difference_hash"],
        pixel_hash=index["pixel_hash"],
        problems=tuple(Problem(**item) for item in listed),
        folder=folder,
    )


def _fill(folder: Path, root: Path, names: Sequence[str], size: int, workers: int, progress: Progress | None) -> None:
    pixels = open_memmap(folder / "pixels.npy", mode="w+", dtype=np.uint8, shape=(len(names), size, size, 3))
    index = np.zeros(len(names), dtype=[("row", "<i8"), ("difference_hash", "<u8"), ("pixel_hash", "<u8")])
    index["row"] = np.arange(len(names))

    def decode_chunk(rows: range) -> list[Problem | None]:
        return [_decode_into(pixels, index, row, root, names[row]) for row in rows]

    outcome = _run(decode_chunk, len(names), workers, progress)
    decoded = np.array([problem is None for problem in outcome])
    problems = [asdict(problem) for problem in outcome if problem is not None]
    (folder / "problems.json").write_text(json.dumps(problems, indent=1), encoding="utf-8")
    np.save(folder / "index.npy", index[decoded])
    pixels.flush()
    if problems:
        _compact(folder / "pixels.npy", pixels, np.flatnonzero(decoded))


def _run(
    decode_chunk: Callable[[range], list[Problem | None]], total: int, workers: int, progress: Progress | None
) -> list[Problem | None]:
    chunks = [range(start, min(start + CHUNK, total)) for start in range(0, total, CHUNK)]
    outcome: list[Problem | None] = []
    with warnings.catch_warnings(), ThreadPoolExecutor(workers) as pool:
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            for done in pool.map(decode_chunk, chunks):
                outcome += done
                if progress is not None:
                    progress(len(outcome), total)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return outcome


def _decode_into(pixels: NDArray[np.uint8], index: NDArray[np.void], row: int, root: Path, name: str) -> Problem | None:
    path = os.path.join(root, name)
    try:
        with Image.open(path) as opened:
            image = _as_rgb(ImageOps.exif_transpose(opened), sixteen_bits=_has_sixteen_bits(opened))
    except Exception as error:  # decoders of damaged files raise nearly anything
        return Problem(what=name, found=_reason(error).replace(path, name))
    pixels[row] = np.asarray(_square(image, pixels.shape[1]))
    index["difference_hash"][row] = difference_hash(image)
    index["pixel_hash"][row] = _pixel_hash(image)
    return None


def _has_sixteen_bits(image: Image.Image) -> bool:
    return image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG")


def _as_rgb(image: Image.Image, *, sixteen_bits: bool) -> Image.Image:
    if sixteen_bits:  # Pillow's own conversion would cut everything above 255 to white
        image = Image.fromarray(((np.asarray(image).astype(np.uint32) + 128) // 257).astype(np.uint8))
    elif image.mode[0] in "IF":
        raise BadInput(f"mode '{image.mode}', which has no known white; save it with 8 or 16 bits")
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert("RGB")


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "file does not exist"
    return f"cannot be decoded ({error})"


def _square(image: Image.Image, size: int) -> Image.Image:
    return ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)


def _pixel_hash(image: Image.Image) -> int:
    digest = hashlib.blake2b(image.tobytes(), digest_size=8, person=f"{image.width}x{image.height}".encode()[:16])
    return int.from_bytes(digest.digest(), "big")


def _compact(path: Path, pixels: NDArray[np.uint8], rows: NDArray[np.intp]) -> None:
    smaller = path.with_name("compact.npy")
    kept = open_memmap(smaller, mode="w+", dtype=np.uint8, shape=(len(rows), *pixels.shape[1:]))
    for start in range(0, len(rows), 1024):
        kept[start : start + 1024] = pixels[rows[start : start + 1024]]
    kept.flush()
    smaller.replace(path)
