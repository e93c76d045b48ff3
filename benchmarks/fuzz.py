"""Feeds every reader, every loader and every predictor what nobody should: it answers or refuses, and nothing else.

    python benchmarks/fuzz.py [--targets conll predict-ner ...] [--cases 10000] [--seed 1]

A case is a good file with random bytes changed, or a random text. It is a fault if anything but a SeqkitError is
raised, if the message names no cause, if it takes longer than ten seconds, or if the process ends; and of a whole
target if memory grows by more than 50 MB between the first tenth of its cases and the last. Each target runs in a
process of its own and prints its seed; a fault prints its case, which `--case N` repeats. The runs are those of
tests/fixtures. The exit status is 1 if there was a fault.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from seqkit.tasks.captioning.captions import read_captions
from seqkit.tasks.captioning.pictures import open_picture
from seqkit.tasks.ner.config import NerData
from seqkit.tasks.ner.faults import column_faults
from seqkit.tasks.ner.reading import read_file, read_tokens

import seqkit
from seqkit.allocator import CAPACITY
from seqkit.config import from_dict, read_yaml
from seqkit.data.codecs import PieceCodec, build_codec
from seqkit.data.label_folders import read_label_archive, read_label_folders
from seqkit.data.readers import read_parallel, read_table
from seqkit.data.vectors import read_vectors, words_with_vectors
from seqkit.errors import DataError, SeqkitError
from seqkit.files import sha256
from seqkit.predictor import Predictor
from seqkit.registry import get_task
from seqkit.run import CONFIG, FORMAT, MANIFEST, PREPROCESSING

SLOW = 10.0
"""Seconds that a case may take."""

GROWTH = 50.0
"""Megabytes that memory may grow over nine tenths of the cases."""

RUNS = Path(__file__).parent.parent / "tests" / "fixtures" / f"format-{FORMAT}"
CONLL = "-DOCSTART- O\n\nAda B-PER\nLovelace I-PER\nmet O\n\nAcme B-ORG\nin O\nParis B-LOC\n\n" * 3
PIECES = [b"\x00", b"\xff", b"\xef\xbb\xbf", b'"', b"\n", b"\r", b"\t", b",", b"{", b"[" * 3000, b"9" * 5000,
          "\u2028".encode(), "\u202e".encode(), "\U0001f469\u200d\U0001f680".encode(), b"\\ud800", b"null", b"NaN",
          b"-1", b"1e999", b"&a ", b"*a", b"!!python/name:os.system ", b"../", b"#", b" " * 50]  # fmt: skip


@dataclass(frozen=True)
class Target:
    """What is fed.

    Attributes:
        make: Writes good files into a folder.
        use: Reads what is in the folder, and may do with it what a program would.
    """

    make: Callable[[Path], None]
    use: Callable[[Path], object]


def texts(files: dict[str, str]) -> Callable[[Path], None]:
    """Writes these files."""

    def make(folder: Path) -> None:
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")

    return make


def archive(folder: Path) -> None:
    """A tar archive of label folders."""
    with tarfile.open(folder / "a.tar", "w") as tar:
        for name in ("train/pos/0_9.txt", "train/neg/1_1.txt", "train/urls_pos.txt"):
            info = tarfile.TarInfo(f"a/{name}")
            info.size = 9
            tar.addfile(info, io.BytesIO(b"good film"))


def pictures(folder: Path) -> None:
    """Pictures of all formats."""
    for ending in ("png", "jpg", "gif", "bmp", "tiff", "webp"):
        Image.effect_noise((24, 16), 50).convert("RGB").save(folder / f"a.{ending}")


def piece_model(folder: Path) -> None:
    """A sentencepiece model."""
    codec = build_codec("unigram", ["the cat sleeps", "a dog runs far"] * 5, vocab_size=40)
    assert isinstance(codec, PieceCodec)
    (folder / "a.model").write_bytes(codec.model)


def kept(task: str) -> Callable[[Path], None]:
    """Copies the kept run of a task."""
    return lambda folder: shutil.copytree(RUNS / task, folder, dirs_exist_ok=True) and None


def use_run(folder: Path) -> object:
    """Loads a run whose manifest is made to fit, and lets it answer."""
    with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError):
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        files = [folder / CONFIG, *sorted((folder / PREPROCESSING).rglob("*"))]
        manifest["files"] = {f.relative_to(folder).as_posix(): sha256(f) for f in files}
        (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    predictor = seqkit.load(folder, device="cpu")
    predictor.run.metrics()
    return predictor.predict(
        str(RUNS / "red.png") if predictor.task.name == "captioning" else "mila"
    )


def use_pieces(folder: Path) -> object:
    """Loads a model of pieces as `load_codec` does, and goes there and back."""
    try:
        codec = PieceCodec((folder / "a.model").read_bytes(), lowercase=True)
    except (ValueError, RuntimeError) as error:
        raise DataError(str(error)) from None
    return codec.decode(codec.encode("The cat \u202e runs \U0001f600"))


def use_settings(folder: Path) -> object:
    """Reads settings of a task as `--config` does."""
    values = read_yaml(folder / "a.yaml")
    return from_dict(get_task("translation").Config, values)


COCO = {
    "images": [{"id": 1, "file_name": "a.png"}],
    "annotations": [{"image_id": 1, "caption": "a dog"}],
}
KARPATHY = {"images": [{"filename": "a.png", "split": "train", "sentences": [{"raw": "a dog"}]}]}
ROWS = [("good film", "pos"), ("bad, or worse", "neg")]

TARGETS: dict[str, Target] = {
    "csv": Target(
        texts({"a.csv": 'text,label\n"good, film",pos\nbad,neg\n'}),
        lambda f: read_table(f / "a.csv", ["text", "label"]),
    ),
    "tsv": Target(
        texts({"a.tsv": "text\tlabel\ngood\tpos\n"}),
        lambda f: read_table(f / "a.tsv", ["text", "label"]),
    ),
    "jsonl": Target(
        texts({"a.jsonl": "".join(json.dumps({"text": t, "label": la}) + "\n" for t, la in ROWS)}),
        lambda f: read_table(f / "a.jsonl", ["text", "label"]),
    ),
    "json": Target(
        texts({"a.json": json.dumps([{"text": t, "label": la} for t, la in ROWS])}),
        lambda f: read_table(f / "a.json", ["text", "label"]),
    ),
    "conll": Target(
        texts({"a.conll": CONLL}),
        lambda f: (read_file(f / "a.conll", NerData()), list(read_tokens(f / "a.conll"))),
    ),
    "conll-faults": Target(
        texts({"a.conll": CONLL}), lambda f: list(column_faults([f / "a.conll"], NerData()))
    ),
    "ner-csv": Target(
        texts({"a.csv": "sentence,word,tag\n1,Ada,B-PER\n1,met,O\n2,Paris,B-LOC\n"}),
        lambda f: read_file(f / "a.csv", NerData()),
    ),
    "ner-json": Target(
        texts({"a.jsonl": '{"tokens": ["Ada", "met"], "tags": ["B-PER", "O"]}\n' * 2}),
        lambda f: read_file(f / "a.jsonl", NerData()),
    ),
    "aligned": Target(
        texts({"a.en": "the cat\na dog\n", "a.fr": "le chat\nun chien\n"}),
        lambda f: read_parallel(f / "a.en", f / "a.fr"),
    ),
    "folders": Target(
        texts({"pos/1.txt": "good", "neg/2.txt": "bad", "urls_pos.txt": "a\nb\n"}),
        read_label_folders,
    ),
    "archive": Target(archive, lambda f: read_label_archive(f / "a.tar", "train")),
    "flickr": Target(
        texts(
            {
                "Flickr8k.token.txt": "a.png#0\ta dog\na.png#1\ta cat\n",
                "Flickr_8k.trainImages.txt": "a.png\n",
                "a.png": "",
            }
        ),
        read_captions,
    ),
    "coco": Target(
        texts({"captions_val.json": json.dumps(COCO), "a.png": ""}),
        lambda f: read_captions(f / "captions_val.json"),
    ),
    "karpathy": Target(
        texts({"dataset.json": json.dumps(KARPATHY), "a.png": ""}),
        lambda f: read_captions(f / "dataset.json"),
    ),
    "captions-csv": Target(
        texts({"c.csv": "picture,caption,split\na.png,a dog,train\n", "a.png": ""}),
        lambda f: read_captions(f / "c.csv"),
    ),
    "vectors": Target(
        texts({"v.txt": "2 3\nthe 0.1 0.2 0.3\ncat 1 2 3\n"}),
        lambda f: (
            words_with_vectors(f / "v.txt", ["cat"]),
            read_vectors(f / "v.txt", {"the": 0, "Cat": 1}),
        ),
    ),
    "settings": Target(
        lambda f: (f / "a.yaml").write_bytes((RUNS / "translation" / CONFIG).read_bytes()) and None,
        use_settings,
    ),
    "pictures": Target(pictures, lambda f: open_picture(random.choice(sorted(f.iterdir())))),
    "pieces": Target(piece_model, use_pieces),
    **{
        f"run-{task}": Target(kept(task), use_run)
        for task in ("sentiment", "ner", "translation", "language", "captioning")
    },
}
PREDICTORS = ("sentiment", "ner", "translation", "language", "captioning")
NAMES = [*TARGETS, *(f"predict-{task}" for task in PREDICTORS)]


def main() -> int:
    """Runs every target in a process of its own, or one case of one, and returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--targets", nargs="+", default=NAMES, choices=NAMES)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--case", type=int, help="repeat this one alone, with its error")
    options = parser.parse_args()
    os.environ.setdefault(CAPACITY, "0")  # kernels that are kept would hide other growth
    torch.set_num_threads(1)
    importlib.import_module("torchvision.models")  # as a message about an unknown backbone does
    if len(options.targets) == 1:
        first, last = (
            (0, options.cases) if options.case is None else (options.case, options.case + 1)
        )
        return 0 if feed(options.targets[0], range(first, last), options.seed) else 1
    status = 0
    for name in options.targets:
        words = ["--targets", name, "--cases", str(options.cases), "--seed", str(options.seed)]
        code = subprocess.run([sys.executable, __file__, *words], check=False).returncode
        if code < 0:
            print(f"{name}: FAULT: the process was ended by signal {-code}", flush=True)
        status = max(status, abs(code))
    return 1 if status else 0


def feed(name: str, cases: range, seed: int) -> bool:
    """Whether all cases of a target went well; what happened is printed."""
    began, refused, faults, early = time.perf_counter(), 0, 0, 0.0
    slowest = 0.0
    predictor = (
        seqkit.load(RUNS / name[len("predict-") :], device="cpu") if name not in TARGETS else None
    )
    with tempfile.TemporaryDirectory() as home:
        folder, good = Path(home), {}
        if predictor is None:
            good = good_files(TARGETS[name], folder)
        for case in cases:
            rng = random.Random(f"{name} {seed} {case}")
            start = time.perf_counter()
            fault = ""
            try:
                if predictor is None:
                    read_mutated(TARGETS[name], good, folder, rng)
                else:
                    ask(predictor, rng)
            except SeqkitError as error:
                refused += 1
                fault = "" if str(error).strip() else "an error without a message"
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    raise
                fault = traceback.format_exc().strip()
            took = time.perf_counter() - start
            slowest = max(slowest, took)
            fault = fault or (f"took {took:.1f} s" if took > SLOW else "")
            if fault:
                faults += 1
                print(f"{name}: FAULT in case {case}: {fault[-600:]}", flush=True)
            if case - cases.start == len(cases) // 10:
                early = resident()
    growth = resident() - early
    if len(cases) > 1000 and growth > GROWTH:
        faults += 1
        print(f"{name}: FAULT: memory grew by {growth:.0f} MB", flush=True)
    print(f"{name}: {len(cases):,} cases, {refused:,} refused, {faults} faults, seed {seed}, slowest {slowest:.2f} s, "
          f"memory {growth:+.1f} MB, {time.perf_counter() - began:.0f} s", flush=True)  # fmt: skip
    return not faults


def read_mutated(target: Target, good: dict[Path, bytes], folder: Path, rng: random.Random) -> None:
    """Gives a target its files with one of them changed, and puts them right again."""
    random.seed(rng.random())
    file = rng.choice(sorted(good))
    use_changed(target, good, folder, file, mutated(good[file], rng))


def use_changed(
    target: Target, good: dict[Path, bytes], folder: Path, file: Path, content: bytes
) -> None:
    """Gives a target its files with the content of one of them replaced, and puts them right again."""
    file.write_bytes(content)
    try:
        target.use(folder)
    finally:
        for path in {file, folder / MANIFEST} & set(good):
            path.write_bytes(good[path])


def good_files(target: Target, folder: Path) -> dict[Path, bytes]:
    """Has a target's files made, and gives what is in them."""
    target.make(folder)
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def mutated(content: bytes, rng: random.Random) -> bytes:
    """Bytes with a few changes."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        place, other = rng.randint(0, len(data)), rng.randint(0, len(data))
        low, high = min(place, other), max(place, other)
        kind = rng.randrange(7)
        if kind == 0 and data:
            data[place % len(data)] = rng.randrange(256)
        elif kind == 1:
            data[place:place] = rng.choice(PIECES)
        elif kind == 2:
            del data[low:high]
        elif kind == 3:
            data[place:place] = data[low:high]
        elif kind == 4:
            del data[place:]
        elif kind == 5:
            data[low : low + 8] = rng.randbytes(rng.choice((1, 8)))
        else:
            data[place:place] = rng.choice((b"a", b"\n", b" x")) * rng.choice((1, 10, 30_000))
    return bytes(data)


ALPHABETS = [
    "mila toro naku sabu lira .!?",
    "abcdefghijklmnopqrstuvwxyz ABC",
    "0123456789.,:-/ ",
    "'’\"<br />()[]{}@#&",
    "\u05d0\u05d1\u202e\u0627\u0644\u200f ",  # written from right to left, and the marks that turn it
    "\U0001f600\U0001f469\u200d\U0001f680\ufe0f\U0001f1eb\U0001f1f7",
    "\x00\x01\x1b\x7f\x85\u2028\u2029\r\n\t",
    "\ud800\udfff\udc80x ",
    "\u0301\u0300e\u0e01\u0e31\u4e2d\u6587 ",
    "\uffed\u25a0\ufeff\xa0 ",
]


def random_text(rng: random.Random) -> str:
    """A text of any signs, mostly short; one in a thousand has a million."""
    if rng.random() < 0.001:
        return rng.choice(("a", "!", "mila ", "\U0001f600", "\n", "\ud800")) * 1_000_000
    length = rng.choice((0, 1, 5, 20, 80, 300))
    if rng.random() < 0.3:
        return "".join(chr(rng.randrange(0x110000)) for _ in range(length))
    alphabet = "".join(rng.sample(ALPHABETS, rng.randint(1, 3)))
    return "".join(rng.choices(alphabet, k=length))


def ask(predictor: Predictor, rng: random.Random) -> None:
    """Asks one text, and checks that the answer can be written down."""
    answer: Any = predictor.predict(random_text(rng))
    assert 0 <= answer.confidence <= 1
    json.dumps(answer.to_json(), allow_nan=False)


def resident() -> float:
    """Memory of this process now, in MB; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    sys.exit(main())
