"""Where the control room is, and how one gets in. `up` says it, and needs no server for
that."""

from __future__ import annotations

import socket

from app.domain.errors import StreamError
from app.domain.settings import Settings
from app.host.valkey import kept_secret, private_folder
from app.web.access import Doorkeeper

PASSWORD_FILE = "page.password"  # noqa: S105 -- a file's name
PATIENCE = 1.0
"""Seconds. It is on this machine."""


def make_doorkeeper(settings: Settings) -> Doorkeeper:
    """With the passwords of the settings, or the one that is kept on this machine."""
    reader = settings.page_reader_password
    return Doorkeeper(
        full_password(settings),
        None if reader is None else reader.get_secret_value(),
    )


def full_password(settings: Settings) -> str:
    """Of the settings, or made once and kept in the data folder."""
    if settings.page_password is not None:
        return settings.page_password.get_secret_value()
    return kept_secret(private_folder(settings.data_dir) / PASSWORD_FILE)


def make_link(settings: Settings) -> str:
    """An address that opens the page once, within ten minutes."""
    key = make_doorkeeper(settings).make_link_key()
    return f"{address_of(settings)}/login?key={key}"


def check_served(settings: Settings) -> None:
    """Raise StreamError if nothing listens where the page should: a page takes no link
    that was made before its start."""
    try:
        with socket.create_connection((_host(settings), settings.page_port), PATIENCE):
            return
    except OSError:
        raise StreamError(
            f"No page is served at {address_of(settings)}: `the-stream up` or `the-stream page` serves one."
        ) from None


def address_of(settings: Settings) -> str:
    """Where a browser on this machine finds the page."""
    host = _host(settings)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.page_port}"


def _host(settings: Settings) -> str:
    host = settings.page_address
    return "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 -- compared
