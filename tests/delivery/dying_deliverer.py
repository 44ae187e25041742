"""A deliverer in a process of its own, which dies or freezes at a point that
STREAM_KILL_AT names: `python -m tests.delivery.dying_deliverer URL TOKEN USER SETTINGS`."""

from __future__ import annotations

import sys

from app.delivery.deliver import Deliverer
from app.delivery.rest import DiscordRest, Secrets
from app.domain.settings import Settings
from app.store.door import AsyncStore


def deliver(url: str, token: str, user_id: str, settings_json: str) -> None:
    """Deliver what is due to elena."""
    settings = Settings.model_validate_json(settings_json)
    secrets = Secrets(token, user_id)
    rest = DiscordRest(settings)
    deliverer = Deliverer(AsyncStore(url), rest, settings, lambda _: secrets, print)
    deliverer.run("elena", 30.0)
    deliverer.close()
    rest.close()


if __name__ == "__main__":
    deliver(*sys.argv[1:])
