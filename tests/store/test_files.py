"""Addresses are files: found, listed and read as paths are, and what is secret in them is never shown."""

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest

from disparate.errors import BadInput, MissingExtra
from disparate.store.files import beside, is_folder, is_remote, located, shown_as, size, stream


class FakeS3(BaseHTTPRequestHandler):
    """So much of S3 as reading needs: a list of a bucket, an object's size, a range of its bytes."""

    objects: dict[str, bytes]

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        parts = urlsplit(self.path)
        key = unquote(parts.path).lstrip("/")
        asked = parse_qs(parts.query, keep_blank_values=True)
        if "list-type" in asked:
            self._listed(key.split("/")[0], asked.get("prefix", [""])[0], "delimiter" in asked)
        elif key in self.objects:
            self._sent(self.objects[key])
        else:
            self._answer(404, b"<Error><Code>NoSuchKey</Code><Message>none</Message></Error>")

    def _listed(self, bucket, prefix, flat):
        own = {name.removeprefix(f"{bucket}/"): body for name, body in self.objects.items()}
        found = "".join(
            f"<Contents><Key>{escape(name)}</Key><Size>{len(body)}</Size>"
            "<LastModified>2024-01-01T00:00:00.000Z</LastModified></Contents>"
            for name, body in sorted(own.items())
            if name.startswith(prefix) and not (flat and "/" in name.removeprefix(prefix))
        )
        count = found.count("<Key>")
        text = (
            f"<ListBucketResult><IsTruncated>false</IsTruncated><KeyCount>{count}</KeyCount>{found}</ListBucketResult>"
        )
        self._answer(200, text.encode())

    def _sent(self, body):
        asked = self.headers.get("Range")
        if asked is None:
            self._answer(200, body)
            return
        first, last = asked.removeprefix("bytes=").split("-")
        part = body[int(first) : int(last) + 1]
        self._answer(206, part, {"Content-Range": f"bytes {first}-{int(first) + len(part) - 1}/{len(body)}"})

    def _answer(self, status, body, more=None):
        self.send_response(status)
        plain = {"Content-Length": str(len(body)), "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT", "ETag": '"1"'}
        for name, value in (plain | (more or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def s3(monkeypatch):
    """Serve objects as a bucket of S3 on this machine and return how an address of it is written."""
    FakeS3.objects = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeS3)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "secret-of-mine")

    def write(key, body=None):
        if body is not None:
            FakeS3.objects[key] = body
        return f"s3://{key}?scheme=http&endpoint_override=127.0.0.1:{server.server_port}&region=eu-west-1"

    yield write
    server.shutdown()
    server.server_close()


@pytest.fixture
def memory():
    """Write files of fsspec's file system in memory and return their address."""
    import fsspec

    system = fsspec.filesystem("memory")
    system.store.clear()

    def write(name, body):
        system.pipe_file(f"/{name}", body)
        return f"memory://{name}"

    yield write
    system.store.clear()


def test_a_path_is_no_address():
    assert [is_remote(text) for text in ("x.csv", "/a/b", "C:\\x", "c:/x", "a=b://c", "s3://b/x", "HTTPS://h/x")] == [
        *[False] * 5,
        True,
        True,
    ]
    assert located("file:///a/b%20c.csv") == Path("/a/b c.csv")


def test_secrets_are_not_shown():
    assert shown_as("s3://KEY:SECRET@bucket/a/x.csv?region=eu") == "s3://bucket/a/x.csv"
    assert shown_as("abfs://container@account.host/x.csv") == "abfs://container@account.host/x.csv"
    assert shown_as("https://token@host/x.csv?sig=abc") == "https://host/x.csv"
    assert shown_as("s3://bucket/a#b.csv") == "s3://bucket/a#b.csv"


@pytest.mark.parametrize("where", ["s3", "memory"])
def test_files_are_found_listed_and_read(where, request):
    write = request.getfixturevalue(where)
    address = write("bucket/runs/x_1.csv", b"a,b\n1,2\n")
    write("bucket/runs/deep/x_2.csv", b"a,b\n")
    file = located(address)
    assert (str(file), file.suffix, size(file), is_folder(file)) == (f"{where}://bucket/runs/x_1.csv", ".csv", 8, False)
    with stream(file) as opened:
        opened.seek(4)
        assert opened.read(3) == b"1,2"
    assert size(located(address.replace("x_1", "x_9"))) is None
    assert is_folder(located(address.replace("/x_1.csv", "")))
    pattern, files = beside(address.replace("x_1", "x_{seed}"))
    assert (str(pattern), [str(one) for one in files]) == (
        f"{where}://bucket/runs/x_{{seed}}.csv",
        [f"{where}://bucket/runs/x_1.csv"],
    )
    found = beside(address.replace("runs/x_1", "*/x_*"))[1]
    assert f"{where}://bucket/runs/x_1.csv" in [str(one) for one in found]


def test_what_cannot_be_reached_is_said_without_secrets(s3):
    address = s3("bucket/x.csv").replace("s3://", "s3://KEY:SECRET@")
    with pytest.raises(BadInput, match=r"^'s3://bucket/x.csv' cannot be reached \(.*right\?") as caught:
        located(address + "&colour=blue")
    assert "SECRET" not in str(caught.value)
    with pytest.raises(BadInput, match=r"'nosuch://host/x.csv' cannot be reached \(Protocol not known: nosuch"):
        located("nosuch://host/x.csv")
    with pytest.raises(BadInput, match="files cannot be listed over https; single files were expected"):
        beside("https://localhost/x_{seed}.csv")


def test_what_is_not_installed_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(MissingExtra, match=r"'hf://x/y.csv': .* pip install 'disparate\[remote\]'"):
        located("hf://x/y.csv")
