"""What `import microgradcnn` adds to `import numpy`, and what the help takes, in fresh interpreters taken in turn.

Needs nothing. Targets: at most 30 ms, and 120 ms from the start of Python to the end of `microgradcnn --help`, most of
which is NumPy: whatever is imported of the package, a Value has its place among NumPy's functions.
"""

import os
import subprocess
import sys
import time

import numpy as np
from harness import Benchmark, Target, without_blas_settings

ROUNDS = 15
IMPORTS = {"numpy": "import numpy", "microgradcnn": "import numpy, microgradcnn"}
HELP = "from microgradcnn.cli import main; main(['--help'])"


# Installed packages are compiled; this variable would have them compiled again by every interpreter.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def wall(code):
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=True, env=ENVIRONMENT)
    return time.perf_counter() - start


def main() -> int:
    without_blas_settings()
    run = Benchmark(__file__, ["import"])
    run.refuse_if_busy()
    work = {**IMPORTS, "the help": HELP}
    samples: dict[str, list[float]] = {name: [] for name in work}
    for code in work.values():
        wall(code)
    if run.check:
        print("import: all of it can be run")
        return 0
    for _ in range(run.rounds or ROUNDS):
        for name, code in work.items():
            samples[name].append(wall(code))
    seconds = {name: float(np.median(values)) for name, values in samples.items()}
    added = {"milliseconds added": Target(1e3 * (seconds["microgradcnn"] - seconds["numpy"]), 30.0)}
    added["milliseconds of the help"] = Target(1e3 * seconds["the help"], 120.0)
    run.report("import", "import", seconds, added)
    return 0 if run.held else 1


if __name__ == "__main__":
    sys.exit(main())
