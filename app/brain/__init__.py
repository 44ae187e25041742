"""What a character perceives, plans and says. Knows no Redis, Celery or discord: all of that comes in as ports."""

import os

# Before numpy loads: OpenBLAS threads that wait for each other on a busy machine made one embedding take up to 67 ms
# where a single thread takes 1.4 ms (measured on two cores under load).
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
