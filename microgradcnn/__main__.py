"""`python -m microgradcnn`."""

import sys

from microgradcnn.cli import main

sys.exit(main())
