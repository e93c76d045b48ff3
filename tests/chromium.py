"""A page in a real browser: headless Chromium, spoken to through its debugging pipe, without a further package."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

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


class Chromium:
    """A browser with one tab, as a context.

    Args:
        folder: An empty folder for its profile.
    """

    def __init__(self, folder: Path) -> None:
        read, self._their_write = os.pipe()
        self._their_read, write = os.pipe()
        self._answers, self._orders = os.fdopen(read, "rb"), os.fdopen(write, "wb")
        shell = f'exec "$0" "$@" 3<&{self._their_read} 4>&{self._their_write}'
        command = ["sh", "-c", shell, find_chromium(), *FLAGS.split(), f"--user-data-dir={folder}"]
        self._process = subprocess.Popen(
            command, pass_fds=(self._their_read, self._their_write),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._rest, self._number, self._session, self.seen = b"", 0, "", Seen()

    def __enter__(self) -> Chromium:
        os.close(self._their_read)
        os.close(self._their_write)
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait()
        self._orders.close()
        self._answers.close()

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
            block = self._answers.read1(1 << 16)
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
