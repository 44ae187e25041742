"""Leases: one owner of one key, until it gives the lease back or is silent for as long
as the lease."""

from __future__ import annotations

from app.store.calls import Call
from app.store.keys import Key
from app.store.scripts import script


@script("lease.acquire")
def _acquire(*, lease: Key, owner: str, lease_ms: int) -> None: ...


@script("lease.renew")
def _renew(*, lease: Key, owner: str, lease_ms: int) -> None: ...


@script("lease.release")
def _release(*, lease: Key, owner: str) -> None: ...


def acquire(lease: Key, owner: str, lease_ms: int) -> Call[str]:
    """Take or renew a lease. Returns the holder: `owner` itself, or who has it."""
    return _acquire(lease=lease, owner=owner, lease_ms=lease_ms).parsed(str)


def renew(lease: Key, owner: str, lease_ms: int) -> Call[bool]:
    """Keep a lease; False: it is no longer the owner's."""
    return _renew(lease=lease, owner=owner, lease_ms=lease_ms).parsed(bool)


def release(lease: Key, owner: str) -> Call[bool]:
    """Give a lease back; False: it was no longer the owner's."""
    return _release(lease=lease, owner=owner).parsed(bool)
