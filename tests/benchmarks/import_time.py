"""What `import microgradcnn` adds to `import numpy`, in fresh interpreters taken in turn. Needs nothing.

Target: at most 30 ms.
"""

import os
import subprocess
import sys
import time

import numpy as np
from harness import report, without_blas_settings

ROUNDS = 15
IMPORTS = {"numpy": "import numpy", "microgradcnn": "import numpy, microgradcnn"}


# Installed packages are compiled; this variable would have them compiled again by every interpreter.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def wall(code):
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, env=ENVIRONMENT)
    return time.perf_counter() - start


def main() -> int:
    without_blas_settings()
    samples: dict[str, list[float]] = {name: [] for name in IMPORTS}
    for code in IMPORTS.values():
        wall(code)
    for _ in range(ROUNDS):
        for name, code in IMPORTS.items():
            samples[name].append(wall(code))
    seconds = {name: float(np.median(values)) for name, values in samples.items()}
    added = {"milliseconds added": (1e3 * (seconds["microgradcnn"] - seconds["numpy"]), 30.0)}
    return 0 if report("import", seconds, added) else 1


if __name__ == "__main__":
    sys.exit(main())
