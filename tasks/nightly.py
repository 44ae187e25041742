"""What is written at night, and what is learned when a conversation has ended. Each may
come twice, late or never."""

from __future__ import annotations

from app.broker.hints import DIARY, DREAM, LEARN
from app.store.nights import Night
from app.worker.worker import worker
from tasks.celery_app import app


@app.task(name=DIARY)
def write_diary(bot_name: str | None = None, date: str | None = None) -> str:
    """One bot's diary of a date (ISO); without them ask for the last dates of every
    bot."""
    return _night(Night.DIARY, bot_name, date)


@app.task(name=DREAM)
def write_dream(bot_name: str | None = None, date: str | None = None) -> str:
    """As `write_diary`, with a bot's dream after that date."""
    return _night(Night.DREAM, bot_name, date)


@app.task(name=LEARN)
def learn_facts(bot_name: str, channel_id: str) -> int:
    """Learn from a conversation that has ended in a channel."""
    return worker().chores.learn(bot_name, channel_id)


def _night(night: Night, bot: str | None, date: str | None) -> str:
    # Beat's tick names nobody; the tasks that it becomes name a bot and a date.
    chores = worker().chores
    return (
        chores.write(night, bot, date) if bot and date else str(chores.nightly(night))
    )
