"""Trains the recipes on the original data and rewrites the README's table of scores.

    python benchmarks/scores.py --data DATA [--rows imdb-lstm ...] [--seeds 1 2 3] [--runs runs/scores]
    python benchmarks/scores.py --check --runs runs/scores

DATA holds a folder a data set, as `data_scripts/` makes them. A run that is finished already is not trained again,
unless its recipe has changed since, so that an interrupted table goes on where it stopped. What was measured goes into
scores.json beside this script, and the table comes out of that; a figure leaves the table when its recipe changes.
`--check` scores the finished runs again on their dev splits, and tells whether each digit is that of their training.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tables import processor, write_between

import seqkit
from seqkit.registry import get_task

RECORDS = Path(__file__).with_name("scores.json")
README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- scores: benchmarks/scores.py writes this table -->", "<!-- end of scores -->"


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        recipe: Its name.
        task: What `seqkit train` is given; `pretrain` stands for that verb.
        files: Settings that name files, relative to the data folder; `runs:` ones to the folder of runs.
        split: The split whose score counts; `dev` also chose the epoch.
        scores: Keys of `metrics.json` and what they are called.
        data: What the score is on.
    """

    recipe: str
    task: str
    files: dict[str, str]
    split: str
    scores: dict[str, str]
    data: str


GLOVE = {"--model.vectors": "glove/glove.6B.100d.txt|glove/glove.6B.100d.top100k.txt"}
IMDB = {"--data": "imdb/aclImdb.tar.gz"}
ACCURACY, F1 = {"accuracy": "accuracy"}, {"f1": "entity F1"}
CAPTIONS = {"bleu4": "BLEU-4", "cider": "CIDEr-D"}
TRANSLATIONS = {"bleu": "BLEU", "bleu_tokenized": "lower-cased tokenised BLEU", "chrf": "chrF"}
CHOSEN = " (which also chose the epoch)"
ROWS = (
    Row("keras-notebook", "sentiment", IMDB, "test", ACCURACY, "IMDb, test"),
    Row("imdb-lstm", "sentiment", IMDB, "test", ACCURACY, "IMDb, test"),
    Row("imdb-lstm-glove", "sentiment", {**IMDB, **GLOVE}, "test", ACCURACY, "IMDb, test"),
    Row("imdb", "pretrain", {**IMDB, **GLOVE}, "dev", {"perplexity": "perplexity"}, "IMDb, held-out training reviews"),
    Row("imdb-pretrained", "sentiment", {**IMDB, "--model.pretrained": "runs:imdb-1"}, "test", ACCURACY, "IMDb, test"),
    Row("multi30k-gru", "translation", {"--data": "multi30k"}, "test", TRANSLATIONS,
        "Multi30k English-French, test_2016_flickr, cased"),
    Row("conll2003-bilstm-crf", "ner", {"--data": "conll2003"}, "dev", F1, f"CoNLL-2003, testa{CHOSEN}"),
    Row("conll2003-glove", "ner", {"--data": "conll2003", **GLOVE}, "dev", F1, f"CoNLL-2003, testa{CHOSEN}"),
    Row("wnut17", "ner",
        {"--data": "wnut17", **GLOVE, "--model.pretrained": "runs:conll2003-glove-1"}, "test", F1, "WNUT 2017, test"),
    Row("flickr8k-attend", "captioning", {"--data": "flickr8k"}, "dev", CAPTIONS, f"Flickr8k, dev{CHOSEN}"),
    Row("flickr8k-cider", "captioning",
        {"--data": "flickr8k", "--training.start_from": "runs:flickr8k-attend-1"}, "dev", CAPTIONS,
        f"Flickr8k, dev{CHOSEN}"),
    Row("flickr8k-tell", "captioning", {"--data": "flickr8k"}, "dev", CAPTIONS, f"Flickr8k, dev{CHOSEN}"),
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> None:
    """Trains what is asked for and writes the table of all finished rows."""
    options = parser().parse_args(argv)
    if options.check:
        return check(options.runs)
    for row in ROWS:
        if options.rows is None or row.recipe in options.rows:
            for seed in options.seeds:
                train(row, seed, options.data, options.runs)
    records = recorded(options.runs)
    RECORDS.write_text(json.dumps(records, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    finished = [(row, found) for row in ROWS if (found := valid(row, records))]
    write_between(README, (BEGIN, END), table(finished))
    print(f"{README}: {len(finished)} of {len(ROWS)} rows written.")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--data", type=Path, help="folder of the data sets")
    what.add_argument("--check", action="store_true", help="only score the finished runs again")
    parser.add_argument("--runs", type=Path, default=Path("runs/scores"), help="folder of the runs")
    names = [row.recipe for row in ROWS]
    parser.add_argument("--rows", nargs="*", choices=names, help="rows to train (default: all)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1], help="seeds to train with")
    return parser


def train(row: Row, seed: int, data: Path, runs: Path) -> None:
    """One training as a user would type it, and its record, unless that is there already."""
    out, record = runs / f"{row.recipe}-{seed}", runs / f"{row.recipe}-{seed}.json"
    recipe = digest(row)  # as it is when training starts
    if record.is_file() and read(record)["recipe"] == recipe:
        return
    verb = ["pretrain"] if row.task == "pretrain" else ["train", row.task]
    command = [sys.executable, "-m", "seqkit", *verb, "--recipe", row.recipe, "--out", str(out),
               "--overwrite", "--training.seed", str(seed)]  # fmt: skip
    files = {setting: located(name, data, runs) for setting, name in row.files.items()}
    for setting, path in files.items():
        command += [setting, str(path)]
    print(" ".join(command), flush=True)
    subprocess.run(command, check=True)
    metrics = read(out / "metrics.json")
    measured = {
        "scores": metrics["scores"], "minutes": round(metrics["train_seconds"] / 60, 1),
        "parameters": metrics["parameters"], "versions": metrics["versions"],
        "processor": processor(), "recipe": recipe,
        "files": sorted({path.name for path in files.values()}),
    }  # fmt: skip
    record.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")


def located(name: str, data: Path, runs: Path) -> Path:
    """The file of a setting; of names with a bar between, the first that is there, plain or packed."""
    if name.startswith("runs:"):
        return runs / name.removeprefix("runs:")
    names = [data / (one + end) for one in name.split("|") for end in ("", ".gz")]
    return next((path for path in names if path.exists()), names[0])


def check(runs: Path) -> None:
    """Compares the dev scores of the finished runs with those that `seqkit evaluate` finds.

    Raises:
        SystemExit: if one differs.
    """
    unlike = []
    for metrics in sorted(runs.glob("*/metrics.json")):
        run, wanted = metrics.parent, read(metrics)["scores"]["dev"]
        found = seqkit.load(run).evaluate(split="dev").values
        print(
            f"{run.name}: {found} {'equal' if found == wanted else f'but trained {wanted}'}",
            flush=True,
        )
        unlike += [run.name] if found != wanted else []
    if unlike:
        raise SystemExit(f"Other scores than in training: {', '.join(unlike)}")


def recorded(runs: Path) -> dict[str, dict[str, Any]]:
    """The records so far with those of a folder of runs, by recipe and seed."""
    records: dict[str, dict[str, Any]] = read(RECORDS) if RECORDS.is_file() else {}
    for row in ROWS:
        for path in runs.glob(f"{row.recipe}-*.json"):
            seed = path.stem.removeprefix(f"{row.recipe}-")
            if seed.isdigit():
                records.setdefault(row.recipe, {})[seed] = read(path)
    return records


def digest(row: Row) -> str:
    """Changes with the settings of a row's recipe, and of that whose run it starts from."""
    task = get_task("language" if row.task == "pretrain" else row.task)
    parts = [json.dumps(task.recipe(row.recipe), sort_keys=True)]
    sources = [
        n.removeprefix("runs:").rpartition("-")[0] for n in row.files.values() if "runs:" in n
    ]
    parts += [digest(other) for other in ROWS if other.recipe in sources]
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def valid(row: Row, records: dict[str, dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """The records of a row by seed, as far as its recipe and its scores still are what they were."""
    now = digest(row)
    return {
        int(seed): one
        for seed, one in records.get(row.recipe, {}).items()
        if one["recipe"] == now and set(row.scores) <= set(one["scores"][row.split])
    }


def read(path: Path) -> dict[str, Any]:
    """The object in a JSON file."""
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return values


def table(finished: list[tuple[Row, dict[int, dict[str, Any]]]]) -> str:
    """The table in Markdown, a line a row."""
    lines = [
        "| recipe | data | score | seeds | training | parameters |",
        "|---|---|---|---|---|---|",
    ]
    lines += [line(row, found) for row, found in finished]
    each = [one for _, found in finished for one in found.values()]
    return "\n".join([*lines, "", *sorted({about(one) for one in each})])


def about(one: dict[str, Any]) -> str:
    """Where a run was measured."""
    versions = (f"{k} {v}" for k, v in sorted(one["versions"].items()) if k != "machine")
    return f"Measured with {', '.join(versions)} on {one['processor']}, one thread a training."


def line(row: Row, found: dict[int, dict[str, Any]]) -> str:
    """A row: medians over the seeds, with the range where there are several, and the shortest time."""
    scores = []
    for key, name in row.scores.items():
        values = sorted(one["scores"][row.split][key] for one in found.values())
        spread = f" ({shown(values[0])} to {shown(values[-1])})" if len(values) > 1 else ""
        scores.append(f"{name} {shown(statistics.median(values))}{spread}")
    minutes = min(one["minutes"] for one in found.values())  # the least disturbed
    parameters = next(iter(found.values()))["parameters"]
    seeds = ", ".join(str(seed) for seed in sorted(found))
    vectors = {name for one in found.values() for name in one["files"] if name.startswith("glove")}
    data = "; ".join([row.data, *(f"`{name}`" for name in sorted(vectors))])
    cells = (f"`{row.recipe}`", data, ", ".join(scores), seeds, f"{minutes:.1f} min",
             f"{parameters / 1e6:.2f} M")  # fmt: skip
    return f"| {' | '.join(cells)} |"


def shown(value: float) -> str:
    """A share with four digits, a score up to 100 with two."""
    return f"{value:.4f}" if value <= 1.5 else f"{value:.2f}"


if __name__ == "__main__":
    main()
