"""A message's text is read once, however many bots hear it and whatever is asked of
it."""

from __future__ import annotations

from functools import partial

from app.domain.model import Event, RosterEntry
from app.gateway.hearing import Hearing
from app.rules.interests import Interests
from app.rules.judging import Rulebook, judge
from app.rules.moderation import find_order
from app.rules.policy import shipped_policy
from app.rules.profile import Profile
from app.rules.reading import read
from app.rules.reception import tells_off
from app.rules.signals import Facts, SignalThresholds
from app.rules.thoughts import Patience

ROSTER = tuple(
    RosterEntry(bot=bot, user_id=str(place), names=(bot.title(),), channels=("5",))
    for place, bot in enumerate(("elena", "aria", "dotty"), 11)
)
RULES = Rulebook(shipped_policy(), SignalThresholds())
PROFILE = Profile(interests=Interests(["coral"]))


def said(content: str) -> Event:
    """A person's message in the channel."""
    return Event(
        message_id=str(10**11 << 22),
        channel_id="5",
        guild_id="6",
        author_id="21",
        author_name="Ann",
        content=content,
    )


def test_all_bots_share_one_reading() -> None:
    """From the look for a moderator's order to the bid of the last bot, with how long
    the rest of the thought is waited for and whether it tells a bot off."""
    event = said("hey everybody how does a coral reef grow")
    hearing = Hearing(Patience())
    hearing.learn(ROSTER)
    read.cache_clear()
    for entry in ROSTER:
        assert find_order(event, ROSTER, lambda: True) is None
        heard = hearing.hear(event)
        judgement = judge(
            event=heard.event,
            bot=entry.bot,
            facts=Facts(watched=True, touches=PROFILE.touched(heard.reading)),
            addressing=hearing.addressing_of(heard),
            table=partial(heard.table, entry.user_id),
            rules=RULES,
            profile=PROFILE,
            reading=heard.reading,
        )
        assert judgement.bid is not None
        assert heard.lines
        assert not tells_off(heard.reading)
    assert read.cache_info().misses == 1


def test_an_edit_is_read_anew() -> None:
    """Whom the new text names counts, and what it says; the room keeps what was said
    first."""
    hearing = Hearing()
    hearing.learn(ROSTER)
    heard = hearing.hear(said("Does anybody know?"))
    hearing.revise(said("Aria, the coral is pale."), age_s=5.0)
    assert PROFILE.touched(heard.reading)
    assert hearing.addressing_of(heard).bots == ("aria",)
    assert heard.utterance.reading == read("Does anybody know?")
