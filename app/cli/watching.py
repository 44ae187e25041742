"""Commands that show how a stream is and what it spends."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.common import current_settings
from app.cli.lines import print_wrapped

if TYPE_CHECKING:
    from app.operator.spending import Spent
    from app.operator.status import BotStatus, Status, Used

commands = typer.Typer()
AsJson = Annotated[bool, typer.Option("--json", help="print it as JSON")]
EVERY = 2.0
"""Seconds between two looks of --watch."""
CLEAR = "\x1b[2J\x1b[H"


def as_json(value: object) -> None:
    """Print a value as JSON."""
    from dataclasses import asdict, is_dataclass

    plain = asdict(value) if is_dataclass(value) else value  # type: ignore[arg-type]
    typer.echo(json.dumps(plain, ensure_ascii=False, indent=2))


@commands.command()
def status(
    watch: Annotated[bool, typer.Option("--watch", help="again every 2 s")] = False,
    json_: AsJson = False,
) -> None:
    """Show how everything is: bots, caps, processes, queues, mutes, what waits."""
    from app.operator.status import read_status as look

    settings = current_settings()
    show: Callable[[Status], None] = as_json if json_ else show_status
    if not watch:
        show(look(settings))
        return
    while True:
        found = look(settings)
        # After the look: the old picture stays while Redis is asked.
        if not json_:
            typer.echo(CLEAR, nl=False)
        show(found)
        time.sleep(EVERY)


@commands.command()
def bots(json_: AsJson = False) -> None:
    """List the bots: connected or not, and what each has spent today."""
    from dataclasses import asdict

    from app.operator.status import read_status as look

    found = look(current_settings())
    if json_:
        as_json([asdict(one) for one in found.bots])
        return
    show_bots(found)


@commands.command()
def costs(
    by: Annotated[str, typer.Option(help="bot, person or channel")] = "bot",
    days: Annotated[int, typer.Option(min=1, max=3, help="dates in UTC; 1: today")] = 1,
    json_: AsJson = False,
) -> None:
    """Show who spent how much, the dearest first."""
    from app.domain.errors import ConfigurationError
    from app.operator.spending import By
    from app.operator.spending import find_costs as spent

    if by not in set(By):
        raise ConfigurationError("--by takes bot, person or channel.")
    table = spent(current_settings(), By(by), days)
    if json_:
        as_json([one._asdict() for one in table])
        return
    show_costs(table)


def show_costs(table: list[Spent]) -> None:
    """One line each, and the sum."""
    for one in table:
        name = one.name if one.name == one.id else f"{one.name} ({one.id})"
        print_wrapped(
            f"{name}: ${one.usd:.4f}, {one.tokens:,} tokens, {_count_posts(one.posts)}",
            2,
        )
    if not table:
        print_wrapped("Nothing was spent.")
        return
    tokens = sum(one.tokens for one in table)
    posts = sum(one.posts for one in table)
    dollars = sum(one.usd for one in table)
    print_wrapped(
        f"together: ${dollars:.4f}, {tokens:,} tokens, {_count_posts(posts)}", 2
    )


def _count_posts(number: int) -> str:
    return f"{number:,} post{'' if number == 1 else 's'}"


def _show_redis_troubles(found: Status) -> None:
    if found.unwritten:
        print_wrapped(
            "✗ Redis cannot write its file: the disk is full? It refuses every write, so no bot speaks; make room.",
            2,
        )
    if found.refuses_writes:
        print_wrapped(
            f"✗ Redis refuses every write: {found.refuses_writes}. No bot speaks, and no process can tell that it runs.",
            2,
        )
    for line in found.redis_warnings:
        print_wrapped(f"✗ {line}", 2)


def show_status(found: Status) -> None:
    """Lines that can be read at 40 columns."""
    if found.dry_run:
        print_wrapped("Dry run: nothing is posted.")
    _show_redis_troubles(found)
    show_bots(found)
    print_wrapped(f"all bots today: {_used_text(found.all_bots)}", 2)
    for name, queues in sorted(found.workers.items()):
        print_wrapped(f"✓ worker {name}: {', '.join(queues)}", 2)
    if not found.workers:
        print_wrapped("✗ no worker runs")
    print_wrapped("✓ beat ticks" if found.beat else "✗ beat does not tick")
    waiting = ", ".join(f"{name} {count}" for name, count in found.queues.items())
    print_wrapped(f"tasks waiting: {waiting or 'the broker was not to be asked'}", 2)
    for name, due in found.due.items():
        print_wrapped(f"{name}: {due.now} due now, {due.later} later", 2)
    oldest = found.oldest_unanswered_s
    waits = "nobody waits" if oldest is None else f"waits for {lasting_text(oldest)}"
    print_wrapped(f"oldest unanswered: {waits}", 2)
    if found.discord_ahead_s:
        side = "behind" if found.discord_ahead_s > 0 else "ahead of"
        off = lasting_text(abs(found.discord_ahead_s))
        print_wrapped(f"! Redis's clock is {off} {side} Discord's", 2)
    if (after := found.unasked_after_s) != 0:
        when = "a gateway has written them" if after is None else f"{after:.1f} s"
        print_wrapped(
            f"! Redis is new or was emptied: nothing unasked is said until mutes and budgets are back ({when})",
            2,
        )
    for one in found.mutes:
        until = one["until"]
        left = "for good" if until is None else f"{lasting_text(until - found.at)} more"
        print_wrapped(f"! muted: {one['scope']} by {one['who']}, {left}", 2)
    print_wrapped(_redis_text(found), 2)


def show_bots(found: Status) -> None:
    """Two lines for each."""
    for one in found.bots:
        mark = "✓" if one.connected else "✗"
        print_wrapped(f"{mark} {one.bot}: {_connection_text(one, found.at)}", 2)
        print_wrapped(f"  today {_used_text(one.used)}", 4)
        for trouble in found.model_troubles:
            if trouble.bot == one.bot:
                ago = lasting_text(found.at - trouble.at)
                detail = f"{trouble.model}: {trouble.fault}, {ago} ago"
                print_wrapped(f"  ✗ model {detail}: {trouble.remedy}", 4)
        if one.waiting or one.dead_letters:
            detail = f"{one.waiting} posts wait, {one.dead_letters} dead letters"
            print_wrapped(f"  ! {detail} (`the-stream outbox`)", 4)
    if not found.bots:
        print_wrapped("No bot is known: no gateway has run within a day.")


def _connection_text(one: BotStatus, now: float) -> str:
    if one.connected:
        detail = f"connected for {lasting_text(now - (one.since or now))}"
        cooling = f", cooling down for {lasting_text(one.cooldown_s)}"
        return detail + cooling if one.cooldown_s else detail
    if one.error:
        return f"has ended: {one.error}"
    return "not connected to Discord" if one.gateway else "no gateway runs it"


def _used_text(used: tuple[Used, ...]) -> str:
    return ", ".join(
        f"{_amount_text(one.spent)} of {_amount_text(one.cap)} {one.what}"
        for one in used
    )


def _amount_text(count: float) -> str:
    return f"{count:,.0f}" if count == int(count) else f"{count:,.4g}"


def _redis_text(found: Status) -> str:
    if not found.redis:
        return "Redis: this login may not ask how it is"
    used, most, file = (
        found.redis[name] / 1024**2
        for name in ("used_memory", "maxmemory", "aof_current_size")
    )
    limit = f" of {most:.0f}" if most else ""
    return f"Redis: {used:.1f}{limit} MiB in memory, {file:.1f} MiB in its file"


def lasting_text(seconds: float) -> str:
    """A time in one or two words: 12 s, 5 min, 3 h 20 min, 2 d 4 h."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if hours < 1:
        return f"{minutes} min"
    if days < 1:
        return f"{hours} h {minutes % 60} min"
    return f"{days} d {hours % 24} h"
