"""A page in a real browser: headless Chromium, spoken to through its debugging pipe, without a further package."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --hide-scrollbars --remote-debugging-pipe"
)


def find_chromium() -> str:
    """The browser's program; skips the test where there is none, or no pipe to speak through."""
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    if found is None:
        pytest.skip(f"no Chromium here: none of {', '.join(NAMES)} is on the PATH")
    if sys.platform == "win32":
        pytest.skip("Chromium's pipe has the numbers 3 and 4, which Windows does not hand on")
    return found


@dataclass
class Seen:
    """What a page did while it was loaded.

    Attributes:
        requests: Addresses that it asked for, its own and data in it not among them.
        complaints: Messages on the console and errors.
    """

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


LAUNCH = """
import fcntl, os, sys
read, write = (fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3])
os.dup2(read, 3)
os.dup2(write, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Becomes the browser, with the pipe's ends under the numbers where it looks for them."""


@contextlib.contextmanager
def chromium(folder: Path) -> Iterator[Chromium]:
    """A browser while the block runs; `folder`, which is empty, holds its profile."""
    program = [find_chromium(), *FLAGS.split(), f"--user-data-dir={folder}"]
    (answers, their_write), (their_read, orders) = os.pipe(), os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCH, str(their_read), str(their_write), *program],
        pass_fds=(their_read, their_write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(their_read)
    os.close(their_write)
    with os.fdopen(answers, "rb") as reader, os.fdopen(orders, "wb") as writer, process:
        try:
            yield Chromium(reader, writer)
        finally:
            process.terminate()


class Chromium:
    """A browser's one tab.

    Args:
        answers, orders: The ends of the pipe.
    """

    def __init__(self, answers: BinaryIO, orders: BinaryIO) -> None:
        self._answers, self._orders = answers, orders
        self._rest, self._number, self._session, self.seen = b"", 0, "", Seen()
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def open(self, page: Path, width: int, *, dark: bool = False) -> None:
        """Loads a page in a window of that many pixels and waits until it is whole."""
        self.seen = Seen()
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=900, deviceScaleFactor=1, mobile=width < 500,
        )  # fmt: skip
        self.ask("Page.navigate", url=page.as_uri())
        while self._next().get("method") != "Page.loadEventFired":
            pass
        self.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        result = self.ask(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def screenshot(self, path: Path) -> None:
        """Writes a PNG of the whole page."""
        shot = self.ask("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """The answer to one order."""
        self._number += 1
        order = {"id": self._number, "method": method, "params": params}
        if self._session:
            order["sessionId"] = self._session
        self._orders.write(json.dumps(order).encode() + b"\0")
        self._orders.flush()
        while (message := self._next()).get("id") != self._number:
            pass
        assert "error" not in message, message
        result: dict[str, Any] = message["result"]
        return result

    def _next(self) -> dict[str, Any]:
        """The next message, noted where it tells what the page does."""
        while b"\0" not in self._rest:
            block = os.read(self._answers.fileno(), 1 << 16)
            assert block, "Chromium has ended"
            self._rest += block
        raw, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(raw)
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, method: str, params: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            address = params["request"]["url"]
            if params["type"] != "Document" and not address.startswith("data:"):
                self.seen.requests.append(address)
        elif method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
            self.seen.complaints.append(json.dumps(params))
