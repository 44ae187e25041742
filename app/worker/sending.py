"""What a commit takes along, so that its answer can leave at once: the permission to
send it, with the delivery lease."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from app.delivery.permission import SendPermission
from app.domain.errors import StoreUnavailable
from app.domain.model import OutboxEntry
from app.domain.verdicts import Attempt
from app.store import outbox
from app.store.calls import Call
from app.store.commits import Decision, outbox_entry
from app.store.outbox import Allowed
from app.store.signing import signer
from app.worker.cycle import Cycle
from app.worker.holding import request


@dataclass(slots=True)
class AtOnce:
    """The delivery that begins with a commit."""

    cycle: Cycle
    decision: Decision
    owner: str = field(default_factory=request)
    """Of the lease. No other visit to the channel has it."""
    asked_at: float = field(default_factory=time.monotonic)

    def ask(self) -> tuple[Call[Allowed] | None, Call[OutboxEntry | None] | None]:
        """Asks whether what the commit puts into the outbox may be sent, and for the
        entry as it then stands. Nones: it cannot be sent now."""
        cycle = self.cycle
        # An attempt that cannot leave must not be counted as one.
        if cycle.settings.dry_run or cycle.rest.address.seconds_left:
            return None, None
        entry = outbox_entry(self.decision)
        leave = outbox.attempt(
            entry, 0, self.owner, cycle.settings, looked=False, take=True
        )
        return leave, outbox.read(entry.entry_id, signer(cycle.settings))

    def outgoing(
        self, allowed: Allowed | None, entry: OutboxEntry | None
    ) -> tuple[str, SendPermission | None]:
        """What the delivery is told: the entry's id, and the permission if it was
        given."""
        entry_id = self.decision.entry_id
        if allowed is None or allowed.verdict is not Attempt.SEND:
            return entry_id, None
        # A server that knew only some of the scripts ran those first: then it looked
        # for the entry before the commit had written it.
        entry = entry or self._read(entry_id)
        if entry is None:
            return entry_id, None
        return entry_id, SendPermission(self.owner, entry, allowed, self.asked_at)

    def _read(self, entry_id: str) -> OutboxEntry | None:
        try:
            read = outbox.read(entry_id, signer(self.cycle.settings))
            return self.cycle.run(read)
        except StoreUnavailable:
            # The lease ends by itself, and the pump finds what is due.
            return None
