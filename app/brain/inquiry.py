"""One question to one language model: its tries, within a time, and what they take."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as DeadlinePassed
from dataclasses import dataclass, replace

import structlog
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import BaseMessage

from app.brain import answers, model_loop
from app.brain.answers import ReadAnswer
from app.brain.billing import Bill, Price
from app.brain.faults import AGAIN, Fault, Trouble, trouble_of
from app.brain.quirks import Quirks, adapted, larger, quirks_of, refused, remember
from app.brain.transfer import Transfer, is_watched
from app.domain.model import Cost
from app.runtime.traces import note_here

TRIES = 2
"""Calls of one model before the next one of the list is asked."""
BACKOFF_S = 0.5
WAIT_SHARE = 0.5
"""Part of the time left in which a further call may wait for room in a budget."""
LATE_S = 1.0
"""Who wakes so much later than it wanted stood still: the process was stopped, or got no
processor."""
GRACE_S = 2.0
"""What an answer that came meanwhile gets to be read in."""

_UNHEARD = {
    Fault.SLOW: Fault.UNREACHABLE,
    Fault.LOST: Fault.UNREACHABLE,
    Fault.UNREADABLE: Fault.FAILED,
}
"""What the troubles of a call are whose request was never sent."""

log = structlog.get_logger(__name__)


@dataclass
class Inquiry:
    """One question to one model, until `until` (monotonic seconds), as far as the bill
    has room."""

    model: BaseChatModel
    name: str
    bot: str
    messages: Sequence[BaseMessage]
    bill: Bill
    price: Price
    until: float
    wait: Callable[[float], None] = time.sleep

    @property
    def remaining_s(self) -> float:
        """Seconds, never below 0."""
        return max(0.0, self.until - time.monotonic())

    def ask(self) -> ReadAnswer | Trouble:
        """The answer, or what was wrong with the last try. A refused parameter costs no
        try: it is asked again without it."""
        quirks, tries = quirks_of(self.model), 0
        while True:
            # Who waits for room must leave time for the call.
            wait_s = self.remaining_s * WAIT_SHARE
            if not self.bill.account.covers(self._estimate(quirks), wait_s):
                return Trouble(Fault.BUDGET)
            found = self._try(quirks)
            if isinstance(found, ReadAnswer):
                remember(self.model, quirks)
                return found
            other = self._otherwise(quirks, found)
            # This ends: no change of the quirks is ever taken back.
            if other is not None and self.remaining_s > 0:
                quirks = other
                continue
            tries += 1
            if found.fault not in AGAIN or not self._pause(found, tries):
                return found

    def _try(self, quirks: Quirks) -> ReadAnswer | Trouble:
        model = adapted(self.model, quirks)
        transfer = Transfer(is_watched(model))
        future: Future[BaseMessage] = model_loop.begin(
            transfer.follow(model.ainvoke(list(self.messages)))
        )
        try:
            message = self._wait_for(future)
        except DeadlinePassed:
            # Its connection is closed, and its answer, which may come all the same, is
            # paid for.
            transfer.give_up()
            future.cancel()
            return self._charged(Trouble(self._slow_one()), transfer, quirks)
        except Exception as error:  # noqa: BLE001 - process boundary: providers' errors share no base class
            trouble = trouble_of(error, transfer.answer)
            if trouble.fault is Fault.SLOW:
                trouble = replace(trouble, fault=self._slow_one())
            return self._charged(trouble, transfer, quirks)
        limit = quirks.most_written(self.bill.limit)
        read, wrote, doubt = answers.used(message, self.bill.asked, limit)
        self.bill.add(self.price.of(read, wrote))
        if doubt:
            self.bill.account.doubts.append(f"{self.name}: {doubt}")
        note_here(
            {"gen_ai.usage.input_tokens": read, "gen_ai.usage.output_tokens": wrote}
        )
        answer = answers.read_answer(message)
        return answer if answer.fault is None else Trouble(answer.fault)

    def _charged(self, trouble: Trouble, transfer: Transfer, quirks: Quirks) -> Trouble:
        """Book what a failed try may have cost."""
        if not transfer.unsent:
            if trouble.costly:
                self.bill.add(self._estimate(quirks))
            return trouble
        # No model heard of the call: none was to blame, and nobody is to be paid.
        return replace(trouble, fault=_UNHEARD.get(trouble.fault, trouble.fault))

    def _wait_for(self, future: Future[BaseMessage]) -> BaseMessage:
        try:
            return future.result(timeout=self.remaining_s)
        except DeadlinePassed:
            # A call that fails by its own time-out is done; there is no more to wait for.
            if future.done() or self._slow_one() is Fault.SLOW:
                raise
            return future.result(timeout=GRACE_S)

    def _slow_one(self) -> Fault:
        """Whose fault it is that the time is over: the model's, or that of this process,
        which stood still meanwhile."""
        late_s = time.monotonic() - self.until
        return Fault.SLOW if late_s < LATE_S else Fault.STILL

    def _estimate(self, quirks: Quirks) -> Cost:
        return self.bill.estimate(self.price, quirks)

    def _otherwise(self, quirks: Quirks, trouble: Trouble) -> Quirks | None:
        """Another way to ask the same, or None."""
        if trouble.fault is Fault.CUT:
            return larger(self.model, quirks)
        other = refused(quirks, trouble.parameter) if trouble.parameter else None
        if other is not None:
            log.warning(
                "parameter refused, asking without it",
                bot=self.bot,
                model=self.name,
                status=trouble.status,
                code=trouble.code,
                parameter=trouble.parameter,
            )
        return other

    def _pause(self, trouble: Trouble, tries: int) -> bool:
        """Wait before the next try, as long as the provider wants; False: there is
        none."""
        wanted = trouble.retry_after
        pause = wanted if wanted is not None else BACKOFF_S * (1 + random.random())
        # A pause beyond the time left is not slept through: the next model is asked.
        if (
            tries >= TRIES
            or self.remaining_s <= 0
            or (wanted is not None and wanted >= self.remaining_s)
        ):
            return False
        self.wait(min(self.remaining_s, pause))
        return self.remaining_s > 0
