"""What importing the metrics costs."""

from __future__ import annotations

import subprocess
import sys


def test_importing_the_metrics_imports_no_heavy_package() -> None:
    program = (
        "import sys, seqkit.metrics\n"
        "heavy = {'torch', 'pandas', 'sacrebleu', 'seqeval', 'sklearn'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True
    )
    assert found.stdout.strip() == "[]"
