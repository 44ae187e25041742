"""The vault's keys, and whether they open what gateways left there."""

from __future__ import annotations

from collections.abc import Iterator

from app.domain.settings import Settings
from app.operator.doctor.findings import Finding, fault, fine, warning
from app.operator.ops import kept_vault_key, vault_keys, vault_show

AREA = "vault"
LOW_S = 3 * 3_600
"""Seconds. A gateway publishes every hour, for a day."""


def look_at_keys(settings: Settings) -> Finding:
    """Whether gateways and workers started from here have a key."""
    if settings.vault_keys:
        return fine(AREA, "STREAM_VAULT_KEYS is set")
    if vault_keys(settings):
        return fine(AREA, f"its key is in {kept_vault_key(settings)}")
    if not settings.redis_url:
        return fine(AREA, "no key yet: `the-stream up` makes one")
    remedy = "`the-stream vault key` makes one; set the same for gateways and workers"
    return fault(AREA, "STREAM_VAULT_KEYS is not set", remedy)


def look_at_vaults(settings: Settings) -> Iterator[Finding]:
    """Each bot's vault. Raises StoreUnavailable."""
    if not vault_keys(settings):
        return
    for sealed in vault_show(settings):
        remedy = f"start the gateway of {sealed.bot}, with these STREAM_VAULT_KEYS"
        if sealed.problem:
            yield fault(AREA, sealed.problem, remedy)
        elif sealed.expires_in_s < LOW_S:
            what = (
                f"{sealed.bot}: published last {24 - sealed.expires_in_s // 3600} h ago"
            )
            yield warning(AREA, what, remedy)
        else:
            yield fine(AREA, f"{sealed.bot}: opens")
