"""What Celery beat sends, and when. Data only: each tick is a hint, so two beats or a
lost tick are harmless."""

from __future__ import annotations

from typing import Any

from celery.schedules import crontab

from app.broker.hints import DIARY, DREAM, POLL, PUMP
from app.domain.settings import Settings

# Ticks that waited longer are dropped: no backlog is worked off. Wide enough for two
# machines' clocks to differ.
PUMP_EXPIRES = 10.0


def beat_schedule(settings: Settings) -> dict[str, dict[str, Any]]:
    """Celery's `beat_schedule`: the safety poll, the pump, and the nightly diaries and
    dreams (UTC)."""
    return {
        "safety-poll": {
            "task": POLL,
            "schedule": settings.check_interval,
            "options": {"expires": settings.check_interval},
        },
        "pump": {
            "task": PUMP,
            "schedule": settings.pump_interval,
            "options": {"expires": max(PUMP_EXPIRES, 2 * settings.pump_interval)},
        },
        "diaries": {"task": DIARY, "schedule": crontab(hour="0", minute="10")},
        "dreams": {"task": DREAM, "schedule": crontab(hour="3", minute="30")},
    }
