"""What byte-compiling at install saves each time a kernel starts: `import tensorflow, keras`.

Both ways run in turn in one go, in fresh processes of this Python: with the byte code that
`make learn` compiled at install, and with an empty byte-code cache that is never written, as on
a machine that sets PYTHONDONTWRITEBYTECODE=1 and installs without compiling. Prints the median
seconds (wall) and the ratio.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

CODE = "import kcourse, tensorflow, keras"


def seconds(environment: dict[str, str]) -> float:
    """Return the wall time of one fresh process that imports TensorFlow and Keras."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", CODE], env=os.environ | environment, check=True)
    return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="runs of each way (default 5)")
    runs = parser.parse_args().runs
    compiled, uncompiled = [], []
    with tempfile.TemporaryDirectory() as empty:
        without = {"PYTHONPYCACHEPREFIX": empty, "PYTHONDONTWRITEBYTECODE": "1"}
        seconds({})  # warm the disk cache for both
        for _ in range(runs):
            compiled.append(seconds({}))
            uncompiled.append(seconds(without))
    fast, slow = statistics.median(compiled), statistics.median(uncompiled)
    print(f"byte-compiled {fast:.2f} s, not byte-compiled {slow:.2f} s, ratio {slow / fast:.1f}")


if __name__ == "__main__":
    main()
