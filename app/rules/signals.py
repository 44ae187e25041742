"""Why a message matters to one bot: the table of signals, strongest first."""

from __future__ import annotations

from app.domain.model import (
    Addressing,
    AuthorKind,
    Classified,
    ConversationState,
    Event,
    Frozen,
    Signal,
)


class SignalThresholds(Frozen):
    """What an operator may set."""

    trusted_level: int = 4
    reaction_burst: int = 3


class Facts(Frozen):
    """What one bot knows about an event that the event itself does not say."""

    trust: int = 0
    """Trust level of the author, 0 to 5."""
    watched: bool = False
    """The channel is on the bot's watchlist."""
    state: ConversationState = ConversationState.IDLE
    """In this channel, decayed to now. ENGAGED implies that the bot spoke there
    lately."""
    named: bool = False
    """The text names the bot, though it may not speak to it."""
    touches: bool = False
    """The text holds words of the bot's interests."""
    colleagues: bool = False
    """It goes on with another of our bots, as far as the channel shows."""
    between_people: bool = False
    """It goes on between two people who lately spoke to each other."""
    reception: float = 0.0
    """What the channel makes of the bot's unasked posts, -1 to 1."""
    ignored: bool = False
    """The operator set this author aside, or the author opted out."""
    unasked: bool = True
    """The bot may speak unasked in the channel."""
    barred: str = ""
    """Why the bot may not write in the channel, in a few words."""
    may_react: bool = False
    """It may react to messages there."""
    late: bool = False
    """The event was missed, and is older than the backfill age."""
    afterthought: bool = False
    """It is the rest of a thought that one of our bots has answered."""
    answered: frozenset[str] = frozenset()
    """Our bots that have answered the message which a proxy's copy repeats."""
    user_id: str = ""
    """The bot's own Discord id."""


def classify(
    event: Event,
    bot: str,
    facts: Facts,
    addressing: Addressing,
    thresholds: SignalThresholds,
) -> Classified:
    """The signal of `event` for `bot`. A message that speaks to somebody else is
    ambient for all others, so that they keep out of it; another bot's message is gossip
    at most, so that bots never owe each other an answer."""
    signal, reason = _decide(event, bot, facts, addressing, thresholds)
    if event.is_dm and signal is Signal.DIRECT:
        return Classified(signal=signal, reason=reason, addressed=(bot,))
    # Only people's messages are owed answers: a bot's put nobody in order.
    human = event.author_kind is AuthorKind.HUMAN and event.kind == "message"
    return Classified(
        signal=signal, reason=reason, addressed=addressing.bots if human else ()
    )


Decision = tuple[Signal, str]


def _decide(
    event: Event,
    bot: str,
    facts: Facts,
    addressing: Addressing,
    thresholds: SignalThresholds,
) -> Decision:
    # First: no other sign outweighs that its author is set aside or opted out.
    if facts.ignored:
        return Signal.AMBIENT, "its author is ignored"
    if event.author_id == facts.user_id:
        return Signal.AMBIENT, "its own message"
    if event.kind == "reaction":
        if event.reactions > thresholds.reaction_burst:
            return Signal.REACTIONS, f"{event.reactions} people reacted"
        return Signal.AMBIENT, "few reactions"
    if event.author_kind is not AuthorKind.HUMAN:
        return _of_bot(event, bot, facts, addressing)
    return _to_somebody(event, bot, addressing) or _unaddressed(facts, thresholds)


def _to_somebody(event: Event, bot: str, addressing: Addressing) -> Decision | None:
    if event.is_dm:
        return Signal.DIRECT, "direct message"
    if bot in addressing.bots:
        return Signal.DIRECT, addressing.reason
    if addressing.bots:
        return Signal.AMBIENT, f"addressed to {', '.join(addressing.bots)}"
    return (Signal.AMBIENT, addressing.reason) if addressing.somebody_else else None


def _unaddressed(facts: Facts, thresholds: SignalThresholds) -> Decision:
    if facts.afterthought:
        return Signal.AMBIENT, "an afterthought: what it belongs to is answered"
    return _known(facts, thresholds)


def _known(facts: Facts, thresholds: SignalThresholds) -> Decision:
    if facts.trust >= thresholds.trusted_level:
        return Signal.TRUSTED, f"trust level {facts.trust}"
    if facts.watched:
        return Signal.WATCHED, "watched channel"
    if facts.state is ConversationState.ENGAGED:
        return Signal.ACTIVE, "active conversation"
    if facts.named:
        return Signal.GOSSIP, "speaks of it"
    return Signal.AMBIENT, "nothing special"


def _of_bot(event: Event, bot: str, facts: Facts, addressing: Addressing) -> Decision:
    if bot in addressing.bots:
        return Signal.GOSSIP, f"a bot speaks to it: {addressing.reason}"
    if addressing.bots:
        return Signal.AMBIENT, f"a bot speaks to {', '.join(addressing.bots)}"
    if event.author_kind is AuthorKind.OURS and facts.named:
        return Signal.GOSSIP, "one of ours speaks of it"
    if event.author_kind is AuthorKind.OURS and facts.touches:
        return Signal.GOSSIP, "one of ours touches its interests"
    return Signal.AMBIENT, "a bot's message"
