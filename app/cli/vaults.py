"""Commands about the vault."""

from __future__ import annotations

import typer

from app.cli.common import CommandList, current_settings, print_line

vault = typer.Typer(
    no_args_is_help=True,
    help="Keys of the vault in which gateways leave secrets for workers.",
    cls=CommandList,
)


@vault.command("key")
def vault_key() -> None:
    """Print a new key for STREAM_VAULT_KEYS. To rotate: put it first, restart workers
    and gateways, `vault rotate`, remove the old one."""
    from cryptography.fernet import Fernet

    typer.echo(Fernet.generate_key().decode())


@vault.command("show")
def vault_show() -> None:
    """What each bot's vault holds: names and lengths, never a secret."""
    from app.cli.show import show_vault
    from app.operator.ops import vault_show as masked

    show_vault(masked(current_settings()))


@vault.command("rotate")
def vault_rotate() -> None:
    """Seal every bot's secrets with the first key of STREAM_VAULT_KEYS."""
    from app.operator.ops import vault_rotate as rotate

    for bot in rotate(current_settings()):
        print_line(f"Sealed again: {bot}")
