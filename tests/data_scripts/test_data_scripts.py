"""The data scripts: what they lay out, what they refuse, and downloads over a wire that breaks."""

from __future__ import annotations

import gzip
import hashlib
import importlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).parents[2] / "data_scripts"
pytest.importorskip("pooch", reason="the extra `data` is not installed")
needs_data = pytest.mark.skipif(
    "SEQKIT_DATA" not in os.environ, reason="SEQKIT_DATA names no data folder"
)
CONTENT = bytes(range(256)) * 4000


def script(name: str, *argv: str | Path) -> subprocess.CompletedProcess[str]:
    """A data script as a user runs it."""
    command = [sys.executable, str(SCRIPTS / f"{name}.py"), *map(str, argv)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False)


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Imports a module of the scripts."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if (SCRIPTS / f"{name}.py").is_file():
            del sys.modules[name]


# Downloads


class Server(BaseHTTPRequestHandler):
    """Serves CONTENT, in parts where asked to; `/cut` breaks off in the middle of each answer."""

    asked: list[tuple[str, str | None]] = []  # noqa: RUF012

    def do_GET(self) -> None:
        span = self.headers.get("Range")
        self.asked.append((self.path, span))
        if self.path == "/missing":
            self.send_error(404)
            return
        start = (
            int(span.removeprefix("bytes=").rstrip("-")) if span and self.path != "/whole" else 0
        )
        if start >= len(CONTENT):
            self.send_error(416)
            return
        body = CONTENT[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if self.path == "/cut" else body)

    def log_message(self, *_: Any) -> None:
        """Keeps quiet."""


@pytest.fixture
def address() -> Iterator[str]:
    """Address of a server that runs as long as the test."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    Server.asked.clear()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_cut_download_goes_on_where_it_stopped(
    address: str, tmp_path: Path, modules: Any
) -> None:
    fetching = modules("fetching")
    with pytest.raises(fetching.FetchError, match=r"the connection was cut after|IncompleteRead"):
        fetching.fetch(fetching.Download("a.bin", (f"{address}/cut",), sha256(CONTENT)), tmp_path)
    part = tmp_path / "a.bin.part"
    assert 0 < part.stat().st_size < len(CONTENT) and not (tmp_path / "a.bin").exists()
    have = part.stat().st_size
    path = fetching.fetch(
        fetching.Download("a.bin", (f"{address}/good",), sha256(CONTENT)), tmp_path
    )
    assert path.read_bytes() == CONTENT and not part.exists()
    assert Server.asked[-1] == ("/good", f"bytes={have}-")


def test_a_server_that_sends_everything_again_is_understood(
    address: str, tmp_path: Path, modules: Any
) -> None:
    fetching = modules("fetching")
    (tmp_path / "a.bin.part").write_bytes(CONTENT[:1000])
    path = fetching.fetch(fetching.Download("a.bin", (f"{address}/whole",)), tmp_path)
    assert path.read_bytes() == CONTENT


def test_a_part_that_is_the_whole_is_taken(address: str, tmp_path: Path, modules: Any) -> None:
    fetching = modules("fetching")
    (tmp_path / "a.bin.part").write_bytes(CONTENT)
    path = fetching.fetch(
        fetching.Download("a.bin", (f"{address}/good",), sha256(CONTENT)), tmp_path
    )
    assert path.read_bytes() == CONTENT


def test_a_mirror_stands_in_for_a_dead_address(address: str, tmp_path: Path, modules: Any) -> None:
    fetching = modules("fetching")
    urls = (f"{address}/missing", f"{address}/good")
    path = fetching.fetch(fetching.Download("a.bin", urls, sha256(CONTENT)), tmp_path)
    assert path.read_bytes() == CONTENT
    assert [asked for asked, _ in Server.asked] == ["/missing", "/good"]


def test_a_wrong_sum_is_refused_and_leaves_no_file(
    address: str, tmp_path: Path, modules: Any
) -> None:
    fetching = modules("fetching")
    with pytest.raises(fetching.FetchError, match=r"a\.bin: cannot be fetched\.\n.*hash"):
        fetching.fetch(fetching.Download("a.bin", (f"{address}/good",), "0" * 64), tmp_path)
    assert not (tmp_path / "a.bin").exists()


# Sources and checks


def test_files_are_found_plain_packed_and_in_archives(tmp_path: Path, modules: Any) -> None:
    sources = modules("sources")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.txt").write_text("plain", encoding="utf-8")
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(b"packed"))
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("inside/c.txt", "zipped")
    source = sources.Source(tmp_path)
    for name, content in (("a.txt", "plain"), ("b.txt", "packed"), ("c.txt", "zipped")):
        source.need(name, tmp_path / "out" / name)
        assert (tmp_path / "out" / name).read_text(encoding="utf-8") == content
    with pytest.raises(sources.SourceError, match=r"holds no d\.txt"):
        source.need("d.txt", tmp_path / "out" / "d.txt")
    with pytest.raises(sources.SourceError, match="no such file or folder"):
        sources.Source(tmp_path / "nowhere")


def test_the_first_block_that_differs_is_named(modules: Any) -> None:
    checking = modules("checking")
    lines = [str(n).encode() for n in range(25)]
    sums = {"size": 10, "blocks": list(checking.block_sums(lines, 10))}
    checking.check_entries("x", lines, sums)
    changed = [*lines[:12], b"other", *lines[13:]]
    with pytest.raises(checking.CheckError, match="first within lines 11 to 20"):
        checking.check_entries("x", changed, sums)
    with pytest.raises(checking.CheckError, match="x: longer than"):
        checking.check_entries("x", [*lines, *lines], {**sums, "blocks": sums["blocks"][:2]})
    with pytest.raises(checking.CheckError, match="x: shorter than"):
        checking.check_entries("x", lines[:20], sums)
    assert list(checking.block_sums([b"ab", b"c"], 2)) != list(
        checking.block_sums([b"a", b"bc"], 2)
    )


def test_a_source_without_the_files_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("imdb", "multi30k", "tatoeba", "conll2003", "wnut17", "flickr8k", "coco", "glove"):
        result = script(name, "--out", tmp_path / "out", "--source", tmp_path / "empty")
        assert result.returncode == 2 and "holds n" in result.stderr, (name, result.stderr)
        assert result.stderr.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["empty"]


def test_the_whole_glove_file_is_known_by_some_of_its_words(modules: Any) -> None:
    glove, checking = modules("glove"), modules("checking")
    lines = [b"the 1 2", b"2015 3 4", b"cat 5 6"]
    the, _, cat = checking.block_sums(lines, 1)
    samples = {"the": the, "cat": cat}
    glove.check_samples("vectors", lines, samples)
    with pytest.raises(checking.CheckError, match="vectors: the vector of 'cat' differs"):
        glove.check_samples("vectors", [*lines[:2], b"cat 5 7"], samples)
    with pytest.raises(checking.CheckError, match="no vector of 'cat'"):
        glove.check_samples("vectors", lines[:2], samples)


def test_what_must_be_asked_for_is_said(tmp_path: Path) -> None:
    result = script("conll2003", "--out", tmp_path / "out")
    assert result.returncode == 2 and "Ask NIST" in result.stderr and "--source" in result.stderr


# The data itself

SMALL = {"multi30k": "train.en", "wnut17": "emerging.dev.conll", "conll2003": "eng.testa",
         "tatoeba": "fra.txt", "glove": "glove.6B.100d.txt"}  # fmt: skip


def data(name: str) -> Path:
    return Path(os.environ["SEQKIT_DATA"]) / name


@needs_data
@pytest.mark.parametrize(("name", "file"), SMALL.items())
def test_published_data_is_laid_out_and_a_changed_line_is_refused(
    name: str, file: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    result = script(name, "--out", out, "--source", data(name))
    assert result.returncode == 0, result.stderr
    assert (out / file).is_file()
    again = script(name, "--out", out, "--source", data(name))
    assert again.returncode == 0 and "complete already" in again.stdout
    copy = tmp_path / "copy"
    shutil.copytree(out, copy)
    lines = (copy / file).read_bytes().split(b"\n")
    middle = next(i for i in range(len(lines) // 2, len(lines)) if lines[i].strip())
    lines[middle] = lines[middle][:1] + b"~" + lines[middle][2:]
    (copy / file).write_bytes(b"\n".join(lines))
    refused = script(name, "--out", tmp_path / "second", "--source", copy)
    assert refused.returncode == 2 and not (tmp_path / "second").exists()
    assert file in refused.stderr and "differs from the published data" in refused.stderr


@needs_data
def test_flickr8k_is_laid_out_and_a_changed_caption_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = script("flickr8k", "--out", out, "--source", data("flickr8k"))
    assert result.returncode == 0, result.stderr
    assert len(list((out / "images").iterdir())) == 7000
    captions = out / "Flickr8k.token.txt"
    captions.write_bytes(captions.read_bytes().replace(b" dog ", b" cat ", 1))
    refused = script("flickr8k", "--out", tmp_path / "second", "--source", out)
    assert refused.returncode == 2 and "Flickr8k.token.txt: differs" in refused.stderr


@needs_data
def test_imdb_is_laid_out_and_a_changed_review_is_refused(tmp_path: Path) -> None:
    result = script("imdb", "--out", tmp_path / "out", "--source", data("imdb"))
    assert result.returncode == 0, result.stderr
    changed, done = tmp_path / "aclImdb.tar.gz", False
    with tarfile.open(tmp_path / "out" / "aclImdb.tar.gz", "r|gz") as old, \
            tarfile.open(str(changed), "w|gz") as new:  # fmt: skip
        for member in old:
            stream = old.extractfile(member) if member.isfile() else None
            content = b"" if stream is None else stream.read()
            if "train/pos/" in member.name and member.isfile() and not done:
                content, done = content[:-1] + b"~", True
            new.addfile(member, io.BytesIO(content) if stream else None)
    refused = script("imdb", "--out", tmp_path / "second", "--source", changed)
    assert refused.returncode == 2 and "train/pos: differs" in refused.stderr
