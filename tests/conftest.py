"""Settings for all tests, made before torch is imported."""

import os

# Tests use tiny networks: with more threads they mostly wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")
