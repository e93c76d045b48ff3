"""The processes that one command runs as, on one machine or many, and what they tell each other.

All of them run the same program on the same data. Work is dealt out like cards (`share`), and what came of it is told
to all (`gather`, `map`, `sum_gradients`), so that all go on alike; the first process alone writes files. A process
alone needs none of that: every call is then what it says, without any exchange.
"""

from __future__ import annotations

import atexit
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from seqkit import launch
from seqkit.errors import SeqkitError

T = TypeVar("T")

MEETING = timedelta(minutes=10)
"""How long a process waits for the others to start."""

PATIENCE = timedelta(hours=1)
"""How long it waits for one that is alive but busy."""


class LostContactError(SeqkitError):
    """Another process has ended or cannot be reached."""


@dataclass(frozen=True)
class Processes:
    """The processes, seen from one of them.

    Attributes:
        rank: Number of this one, from 0.
        size: How many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is the first process, which writes what is to be written."""
        return self.rank == 0

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """This process' part of the items: every `size`-th, so that the parts differ by one item at most."""
        return items if self.size == 1 else items[self.rank :: self.size]

    def map(
        self,
        function: Callable[[T], Any],
        items: Sequence[T],
        revive: Callable[[Any], Any] = lambda plain: plain,
    ) -> list[Any]:
        """What the function gives for each item, in order, on every process; each works on its share.

        Args:
            function: Gives plain values, or dataclasses of them.
            items: The same on every process.
            revive: Makes what the function gave from plain values.
        """
        if self.size == 1:
            return [function(item) for item in items]
        shares = self.gather(lambda: [function(item) for item in self.share(items)])
        return [revive(shares[i % self.size][i // self.size]) for i in range(len(items))]

    def gather(self, make: Callable[[], Any], fault: type[SeqkitError] = SeqkitError) -> list[Any]:
        """What `make` gives on each process, by rank; an error of the kind `fault` on one is raised on all.

        Args:
            make: Gives plain values, or dataclasses of them, which arrive as dictionaries.
            fault: Kind of error that is waited for.
        """
        if self.size == 1:
            return [make()]
        value, message = None, None
        try:
            value = make()
        except fault as error:
            message = str(error)
        answers = self._exchange(json.dumps([value, message], default=vars))
        messages = [message for _, message in answers if message is not None]
        if messages:
            raise fault(messages[0])
        return [value for value, _ in answers]

    def from_main(self, make: Callable[[], T]) -> T:
        """What `make` gives on the first process, the only one to call it; an error there is raised on all."""
        value: T = self.gather(lambda: make() if self.is_main else None)[0]
        return value

    def largest(self, *numbers: int) -> list[int]:
        """The largest of each number over the processes."""
        if self.size == 1:
            return list(numbers)
        tensor = torch.tensor(numbers)
        with _contact():
            dist.all_reduce(tensor, dist.ReduceOp.MAX)
        return tensor.tolist()

    def sum_gradients(self, model: nn.Module) -> None:
        """Adds up the gradients of all processes; one that none of them has stays None."""
        if self.size == 1:
            return
        learned = [p for p in model.parameters() if p.requires_grad]
        parts = [p.new_zeros(p.numel()) if p.grad is None else p.grad.flatten() for p in learned]
        counts = parts[0].new_tensor([p.grad is not None for p in learned])
        total = torch.cat([*parts, counts])
        with _contact():
            dist.all_reduce(total)
        sizes = [*(p.numel() for p in learned), len(learned)]
        *parts, counts = torch.split(total, sizes)
        for parameter, part, count in zip(learned, parts, counts.tolist(), strict=True):
            parameter.grad = part.view_as(parameter) if count else None

    def copy_from_main(self, model: nn.Module) -> None:
        """Gives the network on every process the first one's weights and buffers."""
        if self.size == 1:
            return
        with torch.no_grad(), _contact():
            for tensor in (*model.parameters(), *model.buffers()):
                dist.broadcast(tensor, 0)

    def _exchange(self, text: str) -> list[Any]:
        """The JSON texts of all processes, read. (torch's exchange of objects would load pickles.)"""
        data = torch.frombuffer(bytearray(text, "utf-8"), dtype=torch.uint8)
        lengths = self._all(torch.tensor([len(data)]))
        padded = data.new_zeros(max(map(int, lengths)))
        padded[: len(data)] = data
        texts = zip(self._all(padded), lengths, strict=True)
        return [json.loads(row[: int(length)].numpy().tobytes()) for row, length in texts]

    def _all(self, tensor: Tensor) -> list[Tensor]:
        rows = [torch.empty_like(tensor) for _ in range(self.size)]
        with _contact():
            dist.all_gather(rows, tensor)
        return rows


ALONE = Processes()
"""One process without others."""


def join() -> Processes:
    """The processes that the launcher has started, connected.

    Raises:
        LostContactError: if not all of them come.
    """
    if launch.size() == 1:
        return ALONE
    cores = max(1, (os.cpu_count() or 1) // launch.local_size())
    os.environ.setdefault("OMP_NUM_THREADS", str(cores))  # each process its share of the machine
    if not dist.is_initialized():
        _connect()
        atexit.register(_part)
    return Processes(dist.get_rank(), dist.get_world_size())


def _connect() -> None:
    """Makes the group of all processes: Gloo carries tensors on the CPU, NCCL those on GPUs."""
    from torch.distributed.rendezvous import rendezvous  # not in every build of torch

    backends = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    with _contact():
        store, rank, size = next(rendezvous("env://", timeout=MEETING))
        store = dist.PrefixStore(_own_corner(store, rank, size), store)  # type: ignore[attr-defined]
        dist.init_process_group(backends, store=store, rank=rank, world_size=size, timeout=PATIENCE)


def _part() -> None:
    """Ends the group's threads: Python, as it ends, would abort in one that just lets go of a tensor."""
    if dist.is_initialized():
        dist.destroy_process_group()


def _own_corner(store: Any, rank: int, size: int) -> str:
    """A name that only the processes of now know.

    The launcher's store outlives processes that are started again, with all that those before have left in it, and
    machines may count restarts differently. So each process says that it is here by a word of its own, and the first
    one answers under that word until it sees that it has been heard.
    """
    word = uuid.uuid4().hex
    if rank > 0:
        store.set(f"here {rank}", word)
        name: str = store.get(f"go {word}").decode()  # waits for it
        store.set(f"in {name} {rank}", "")
        return name
    missing = set(range(1, size))
    while missing:
        for other in missing:
            store.set(f"go {store.get(f'here {other}').decode()}", word)
        missing = {other for other in missing if not store.check([f"in {word} {other}"])}
        time.sleep(0.02)
    return word


@contextmanager
def _contact() -> Iterator[None]:
    """Says in a sentence that another process is gone, as an exchange with it finds out."""
    try:
        yield
    except RuntimeError as error:
        raise LostContactError(
            f"Process {launch.rank()} of {launch.size()} lost contact with another, which has ended or cannot be "
            "reached."
        ) from error
