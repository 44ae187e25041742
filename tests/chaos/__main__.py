"""`make chaos`: real processes, and what can be done to them."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.report import slowest, table, verdict_table
from tests.chaos.run import Seen, play
from tests.chaos.schedule import KINDS, VERSION, schedule
from tests.sim.checker import Checker

MOST_MINUTES = 60.0


def main(arguments: Sequence[str]) -> int:
    """Play seeds; 1: a promise was broken, 2: the seed is of another version."""
    options = _options(arguments)
    if options.version not in {None, VERSION}:
        print(f"Seeds of version {options.version} mean nothing here: {VERSION}.")
        return 2
    if not 0 < options.minutes <= MOST_MINUTES:
        print(f"MINUTES must be above 0 and at most {MOST_MINUTES:g}.")
        return 2
    runs: dict[int, Seen] = {}
    failed = 0
    for seed in range(options.seed, options.seed + options.seeds):
        begun = time.monotonic()
        runs[seed] = _played(seed, options)
        failed |= _told(runs[seed], time.monotonic() - begun)
    if len(runs) > 1:
        print(f"\n{verdict_table(runs)}\n\n{table(*runs.values())}")
    return failed


def _played(seed: int, options: argparse.Namespace) -> Seen:
    plan = schedule(seed, options.minutes * 60, options.only or KINDS)
    print(
        f"seed {plan.seed}, version {VERSION}, schedule {plan.digest}: "
        f"{len(plan.acts)} acts, {len(plan.strikes)} strikes in {options.minutes:g} min"
    )
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        folder = (options.keep or Path(temporary)) / f"seed-{seed}"
        seen = play(folder, plan, lambda line: print(line, flush=True))
    print(f"\n{table(seen)}\n")
    return seen


def _told(seen: Seen, took: float) -> int:
    evidence = seen.evidence
    broken = Checker(evidence).broken()
    asked = sum(len(said.asks) for said in evidence.said.values())
    posts = sum(1 for one in evidence.messages if one.bot)
    print(
        f"{len(evidence.said)} messages, {asked} questions to bots, {posts} posts, "
        f"{len(seen.struck)} strikes, {len(evidence.silences)} mutes, {took:.0f} s"
    )
    for one in broken:
        print(f"  {one}")
        _tell_journal(
            seen, next((word for word in one.what.split() if word in evidence.said), "")
        )
    for slow in slowest(seen):
        print(f"  {slow.bot} answered {slow.message} after {slow.seconds:.1f} s")
        _tell_journal(seen, slow.message)
    for process in seen.ended:
        print(f"  ended by itself: {process}")
    failed = bool(broken or seen.ended)
    print("BROKEN" if failed else "all promises kept")
    return int(failed)


def _tell_journal(seen: Seen, message: str) -> None:
    """A message's journal; seconds since it appeared."""
    at = next((one.at for one in seen.evidence.messages if one.id == message), 0.0)
    for line in seen.evidence.journals.get(message, ()):
        seconds = line.at_ms / 1000 - at
        what = f"{line.bot} {line.step} {line.verdict}: {line.reason}"
        print(f"    {seconds:7.1f} s  {what}")


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=1, help="so many from it on")
    parser.add_argument("--minutes", type=float, default=5.0, help="at most 60")
    parser.add_argument("--version", type=int, help=f"of the seed, now {VERSION}")
    parser.add_argument("--only", action="append", choices=KINDS, help="such strikes")
    parser.add_argument("--keep", type=Path, help="a folder for the processes' logs")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
