import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disparate.errors import BadInput
from disparate.store.blobs import Blobs


@given(content=st.binary(max_size=200))
def test_content_comes_back_under_its_sha256(content, tmp_path_factory):
    blobs = Blobs(root=tmp_path_factory.mktemp("blobs"))
    digest = blobs.put(content)
    assert digest == hashlib.sha256(content).hexdigest()
    assert blobs.get(digest).read_bytes() == content
    assert blobs.get(digest).relative_to(blobs.root).as_posix() == f"{digest[:2]}/{digest}"


def test_file_and_bytes_are_the_same_blob_and_the_file_stays(tmp_path):
    blobs = Blobs(root=tmp_path / "blobs")
    file = tmp_path / "weights"
    file.write_bytes(b"weights")
    digest = blobs.put(file)
    written = blobs.get(digest).stat().st_mtime_ns
    assert blobs.put(b"weights") == digest
    assert blobs.get(digest).stat().st_mtime_ns == written
    assert file.exists()
    assert len(list(blobs.get(digest).parent.iterdir())) == 1


def test_damage_is_noticed_and_repaired_by_putting_again(tmp_path):
    blobs = Blobs(root=tmp_path)
    digest = blobs.put(b"weights")
    blobs.verify(digest)
    blobs.get(digest).write_bytes(b"weightz")
    with pytest.raises(BadInput, match=rf"blob {digest} is damaged: .* has the digest .* Run the audit again"):
        blobs.verify(digest)
    assert not blobs.intact(digest)
    blobs.put(b"weights")
    blobs.verify(digest)


def test_absent_content_is_refused(tmp_path):
    digest = "ab" * 32
    with pytest.raises(BadInput, match=f"blob {digest} is absent: .* does not exist"):
        Blobs(root=tmp_path).get(digest)
    assert not Blobs(root=tmp_path).intact(digest)


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "AB" * 32, "ab" * 31 + "a\n"])
def test_what_is_no_digest_is_refused(tmp_path, digest):
    with pytest.raises(BadInput, match=r"names no blob; 64 hexadecimal digits"):
        Blobs(root=tmp_path).get(digest)


def test_a_file_that_does_not_exist_cannot_be_put(tmp_path):
    with pytest.raises(BadInput, match="none does not exist; a file to keep was expected"):
        Blobs(root=tmp_path).put(tmp_path / "none")
