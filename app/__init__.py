"""The Stream: a real-time nervous system for several autonomous characters in the same
Discord servers."""

import os

# Here, since it must stand before anything loads numpy: OpenBLAS threads that wait for
# each other on a busy machine made one embedding take 70 ms where a single thread takes
# 1.4 ms (measured on two cores under load).
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
