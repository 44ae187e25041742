"""How long the proofs of the protocols run: short in `make test`, shorter in `make
quick` (STREAM_QUICK=1), long in `make prove` (STREAM_PROVE=1)."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, Phase, settings

# A machine talks to a real server, so a slow step says nothing; shared machines stall.
_COMMON: dict[str, Any] = {
    "deadline": None,
    "report_multiple_bugs": False,
    # Without the phase that explains: it traces every line of every example, which
    # costs four times as much.
    "phases": (Phase.explicit, Phase.reuse, Phase.generate, Phase.target, Phase.shrink),
    "suppress_health_check": (
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.filter_too_much,
    ),
}

# The same examples in every run: what a random search finds belongs to `make prove`, and
# must not turn red a change that has nothing to do with it.
settings.register_profile(
    "short", max_examples=15, stateful_step_count=25, derandomize=True, **_COMMON
)
settings.register_profile(
    "quick", max_examples=6, stateful_step_count=25, derandomize=True, **_COMMON
)
settings.register_profile(
    "prove", max_examples=5_000, stateful_step_count=40, print_blob=True, **_COMMON
)

PROVE = bool(os.environ.get("STREAM_PROVE"))
QUICK = bool(os.environ.get("STREAM_QUICK"))
settings.load_profile("prove" if PROVE else "quick" if QUICK else "short")
