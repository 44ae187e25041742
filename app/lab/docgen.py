"""Documents made from the code: the pages of `PAGES`. `make docs` writes them; a test
keeps them true."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import SecretStr

from app.delivery.refusals import TABLE
from app.domain import terms
from app.domain.settings import Settings
from app.store import outages
from app.store.keys import CATALOGUE

NOTE = "<!-- Made by `make docs` from {source}. Do not edit. -->"


class SettingRow(NamedTuple):
    """One setting, ready to print: no secret is in it."""

    name: str
    value: str
    default: str
    description: str
    changed: bool


def setting_rows(settings: Settings) -> list[SettingRow]:
    """Every setting in the order of the class."""
    rows = []
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        rows.append(
            SettingRow(
                f"STREAM_{name.upper()}",
                printable(value),
                printable(field.default),
                field.description or "",
                value != field.default,
            )
        )
    return rows


def printable(value: object) -> str:
    """A setting's value as one writes it in the environment; a secret only as the word
    `set`."""
    if isinstance(value, SecretStr):
        return "set"
    if isinstance(value, tuple):
        secret = any(isinstance(part, SecretStr) for part in value)
        return (
            f"{len(value)} set"
            if secret
            else ",".join(map(printable, value)) or "unset"
        )
    if value is None:
        return "unset"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(headings) + " |", "|" + " --- |" * len(headings)]
    lines += [
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
        for row in rows
    ]
    return "\n".join(lines)


def keys_page() -> str:
    """docs/keys.md."""
    rows = [(f"`{row.pattern}`", row.shape, row.owner, row.expiry) for row in CATALOGUE]
    return (
        "\n\n".join(
            (
                NOTE.format(source="app/store/keys.py"),
                "# Keys in Redis",
                "Every key, what it holds, who writes it and when it expires. A test fails when any other key is left without "
                "an expiry. Celery's own keys live in the next database.",
                _markdown_table(("key", "holds", "written by", "expires"), rows),
            )
        )
        + "\n"
    )


def _length_text(ms: float) -> str:
    """In the largest unit that gives a whole number, at least two of it."""
    units = ((terms.DAY, "days"), (terms.HOUR, "hours"), (terms.MINUTE, "minutes"))
    for unit, name in units:
        if ms % unit == 0 and ms >= 2 * unit:
            return f"{ms // unit:.0f} {name}"
    return f"{ms // terms.SECOND:.0f} seconds"


def terms_page() -> str:
    """docs/terms.md."""
    lengths = {name: getattr(terms, name) for name in terms.KEPT}
    bounds = [
        (
            f"`STREAM_{bound.setting.upper()}`",
            _length_text(bound.most_s * 1000),
            f"`{bound.term}`",
            bound.why,
        )
        for bound in terms.BOUNDS
    ]
    return (
        "\n\n".join(
            (
                NOTE.format(source="app/domain/terms.py"),
                "# Terms",
                "How long each record in Redis lives, counted from its last write unless [Keys](keys.md) says "
                "otherwise. Scripts use these names; only `app/domain/terms.py` has the numbers.",
                _markdown_table(
                    ("term", "length", "what lives that long"),
                    [
                        (f"`{name}`", _length_text(lengths[name]), kept)
                        for name, kept in terms.KEPT.items()
                    ],
                ),
                "## Largest values of settings",
                "A setting beyond its bound is refused at the start.",
                _markdown_table(("setting", "at most", "bound by", "because"), bounds),
                *(
                    f"`STREAM_{smaller.upper()}` must be below `STREAM_{greater.upper()}`, or {else_}."
                    for smaller, greater, else_ in terms.BELOW
                ),
                "## Which terms outlive which",
                _markdown_table(
                    ("this", "outlives this", "because"),
                    [(f"`{a}`", f"`{b}`", why) for a, b, why in terms.OUTLIVES],
                ),
            )
        )
        + "\n"
    )


def settings_page() -> str:
    """docs/settings.md."""
    rows = [
        (
            f"`STREAM_{name.upper()}`",
            f"`{printable(field.default)}`",
            field.description or "",
        )
        for name, field in Settings.model_fields.items()
    ]
    return (
        "\n\n".join(
            (
                NOTE.format(source="app/domain/settings.py"),
                "# Settings",
                "Set them in the environment or in a file `.env` in the working directory. Lists are separated by commas; "
                "times are in seconds unless the name says otherwise. `the-stream settings` prints the values in force.",
                _markdown_table(("setting", "default", "what it does"), rows),
            )
        )
        + "\n"
    )


def refusals_page() -> str:
    """docs/refusals.md."""
    rows = [
        (
            str(row.status),
            str(row.code or "none"),
            row.meaning,
            row.act,
            row.verdict,
            row.barred or "",
            row.way,
        )
        for row in TABLE
    ]
    return (
        "\n\n".join(
            (
                NOTE.format(source="app/delivery/refusals.py"),
                "# What Discord refuses",
                "What an answer of Discord's REST means for a post or a reaction. A refusal marked `final` becomes a dead letter "
                "(`the-stream outbox`) unless it has a second way. Everything else, including codes that are not listed, is tried "
                "again with growing pauses for `STREAM_DELIVERY_GIVE_UP`.",
                "A refusal is remembered for one bot in one channel, for `STREAM_REFUSAL_MEMORY`, until a success disproves it, or until "
                "Discord tells the gateway that the bot may write, react or reply there again. "
                "The operator is told once: `send` (nothing can be sent there, so no model is asked), `refer` (no replies, "
                "plain messages pass), `react` (no reactions), `line` and `emoji` (these words, this reaction). A refusal to show the "
                "channel before an answer counts as one to send, where the table has it for any act.",
                "A line that replaces another line or a reaction goes only to a person who spoke to the bot, in the character's own "
                "words, and only if certainly nothing has arrived. While the whole address is refused, one request at a time "
                "tries again, first after a second and then with growing pauses, or when Discord says so.",
                _markdown_table(
                    (
                        "status",
                        "code",
                        "meaning",
                        "of",
                        "verdict",
                        "remembered",
                        "second way",
                    ),
                    rows,
                ),
            )
        )
        + "\n"
    )


def outages_page() -> str:
    """docs/outages.md."""
    rows = [
        (f"`{row.code}`" if row.code.isupper() else row.code, row.when, row.meaning)
        for row in outages.TABLE
    ]
    return (
        "\n\n".join(
            (
                NOTE.format(source="app/store/outages.py"),
                "# What Redis refuses",
                "Every error of Redis except a fault in our own code counts as an outage, and nothing is dropped. Gateways hold events "
                "in order and move no cursor past them. Publishing, leases and looks are repeated within seconds, and a worker's "
                "cycle or delivery runs again when its lease has ended. Celery's workers wait for a broker that refuses as for one "
                "that is away. At the start, a gateway or worker ends with one line and exit code 3, and its supervisor starts it "
                "again.",
                "Redis refuses a script before its first write or not at all, so no script is left half done: it checks for `OOM`, "
                "`READONLY`, `MISCONF` and `NOREPLICAS` once, before that write. When memory is short, a script that begins with a "
                "deletion still runs to its end. `NOPERM` is checked at each command, so a script may stop in the middle: change an "
                "ACL and the version of the program together. Connections to a server that is not the primary are closed, so the "
                "name in `STREAM_REDIS_URL` is looked up again.",
                "`tests/store/test_outages.py` causes each row on the embedded Valkey, and on Debian's Redis if that is installed; "
                "`tests/e2e/test_outages.py` does so on the whole system.",
                _markdown_table(("answer", "when", "meaning"), rows),
            )
        )
        + "\n"
    )


def diaries_page() -> str:
    """docs/diaries.md."""
    from app.lab.week import week_page

    return week_page()


def messages_page() -> str:
    """docs/messages.md."""
    from app.lab.message_kinds import table_rows

    return (
        "\n\n".join(
            (
                NOTE.format(source="app/lab/message_kinds.py"),
                "# What a message holds",
                "This page shows what a bot sees of each kind of message. A model sees names in place of ids (`@Kim`, `#general`, "
                "`:blob:`), the channel's name and topic, and the title of a thread. Text files up to 64 KB are read. Pictures up to "
                "5 MB are shown to a model whose character file says `vision: true`; they are fetched only from Discord's own "
                "addresses, and recognised by their content, not by their declared type. The offline voice answers words; if a "
                "message has none, a line of the mood `unseen` says that it cannot make it out.",
                _markdown_table(
                    ("kind", "what a model reads", "what the offline voice answers"),
                    table_rows(),
                ),
            )
        )
        + "\n"
    )


PAGES = {
    "keys.md": keys_page,
    "terms.md": terms_page,
    "settings.md": settings_page,
    "refusals.md": refusals_page,
    "outages.md": outages_page,
    "messages.md": messages_page,
    "diaries.md": diaries_page,
}


def main(folder: Path) -> None:
    """Write every page into the folder."""
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
