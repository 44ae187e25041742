"""The log files of `up`: written by many threads, moved aside by size, read back in
the order of time."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from app.host.kept_logs import MOVED_ASIDE, KeptLogs, LogEntry, LogReader, file_of


def texts(entries: list[LogEntry]) -> list[str]:
    """Without their times."""
    return [f"{entry.process}: {entry.text}" for entry in entries]


def test_lines_come_back_in_order_and_new_ones_once(tmp_path: Path) -> None:
    """Of all processes; a second look gives what came since the first."""
    folder = tmp_path / "logs"
    with closing(KeptLogs(folder)) as kept:
        for number in range(4):
            kept.write(("gateway", "direct")[number % 2], f"line {number}")
        reader = LogReader(folder)
        assert texts(list(reader.entries())) == [
            "gateway: line 0",
            "direct: line 1",
            "gateway: line 2",
            "direct: line 3",
        ]
        assert list(reader.entries()) == []
        kept.write("direct", "line 4")
        assert texts(list(reader.entries())) == ["direct: line 4"]
    assert folder.stat().st_mode & 0o777 == 0o700
    assert file_of(folder, "direct").stat().st_mode & 0o777 == 0o600


def test_a_full_file_is_moved_aside_and_nothing_is_read_twice(tmp_path: Path) -> None:
    """A process's lines take a bounded room; who follows them misses none."""
    folder = tmp_path / "logs"
    with closing(KeptLogs(folder, most_bytes=200)) as kept:
        reader, seen = LogReader(folder), []
        for number in range(40):
            kept.write("gateway", f"line {number}")
            if number % 5 == 4:
                seen += [entry.text for entry in reader.entries()]
    assert seen == [f"line {number}" for number in range(40)]
    files = sorted(folder.iterdir())
    assert len(files) == 1 + MOVED_ASIDE
    assert all(file.stat().st_size < 300 for file in files)
    # Whoever comes now finds the newest.
    assert texts(list(LogReader(folder).entries()))[-1] == "gateway: line 39"


def test_a_bots_lines_are_those_that_name_it(tmp_path: Path) -> None:
    """On the console's lines, JSON lines and those of `up`, with the traceback below;
    no bot whose name begins alike, and no bot's name in a text."""
    lines = {
        "2026-11-27T00:00:00.1Z [info] cycle bot=elena entries=1": True,
        "2026-11-27T00:00:00.1Z [error] cycle failed bot=elena": True,
        "  Traceback (most recent call last):": True,
        '    File "x.py", line 1': True,
        "2026-11-27T00:00:00.1Z [info] cycle bot=elena-2 entries=1": False,
        "  of another": False,
        '{"event": "cycle", "bot": "elena", "level": "info"}': True,
        "elena: connected to Discord": True,
        "[info] a line about elena": False,
    }
    with closing(KeptLogs(tmp_path)) as kept:
        for line in lines:
            kept.write("cycles", line)
    found = [entry.text for entry in LogReader(tmp_path, bot="elena").entries()]
    assert len(found) == sum(lines.values())
    for text, (line, named) in zip(
        found, [one for one in lines.items() if one[1]], strict=True
    ):
        assert line.endswith(text)
        assert named
    # One time a line: that of its arrival.
    assert "2026-11-27T00:00:00" not in "".join(found)


def test_only_what_came_since_a_time(tmp_path: Path) -> None:
    """Older lines are left out."""
    with closing(KeptLogs(tmp_path)) as kept:
        kept.write("gateway", "old")
        kept.write("gateway", "new")
    new = list(LogReader(tmp_path).entries())[-1]
    assert list(LogReader(tmp_path, since=new.at).entries()) == [new]


def test_a_line_that_is_not_complete_is_read_when_it_is(tmp_path: Path) -> None:
    """Half a line is no line."""
    file = file_of(tmp_path, "gateway")
    reader = LogReader(tmp_path)
    file.write_text("2026-11-27T00:00:00Z whole\n2026-11-27T00:00:01Z ha", "utf-8")
    assert [one.text for one in reader.entries()] == ["whole"]
    with file.open("a", encoding="utf-8") as stream:
        stream.write("lf\n")
    assert [one.text for one in reader.entries()] == ["half"]


def test_a_folder_that_takes_nothing_is_told_once(tmp_path: Path) -> None:
    """Whoever writes goes on, and hears of it again only after it was mended."""
    folder = tmp_path / "logs"
    folder.write_text("in the way", "utf-8")
    with closing(KeptLogs(folder)) as kept:
        assert kept.write("gateway", "lost").startswith("logs are not kept: ")
        assert kept.write("gateway", "lost, too") == ""
        folder.unlink()
        assert kept.write("gateway", "kept") == ""
        folder.rename(tmp_path / "away")
    assert [one.text for one in LogReader(tmp_path / "away").entries()] == ["kept"]
