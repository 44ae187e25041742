"""The loopback Discord: a gateway and REST server on this machine for unmodified
discord.py clients."""

from __future__ import annotations

from app.loopback import kinds
from app.loopback.channels import ChannelType, ForumTag
from app.loopback.errors import ApiError
from app.loopback.faults import Faults
from app.loopback.handshake import StartLimit
from app.loopback.interactions import Interaction
from app.loopback.journal import Subscription
from app.loopback.observing import Exchange, Observer
from app.loopback.people import PostOptions
from app.loopback.permissions import Permission
from app.loopback.records import (
    Deletion,
    Edit,
    Post,
    Reaction,
    Record,
    Typing,
)
from app.loopback.server import LoopbackDiscord
from app.loopback.state import Account, Channel, Guild, Role
from app.loopback.thread import LoopbackThread

__all__ = [
    "Account",
    "ApiError",
    "Channel",
    "ChannelType",
    "Deletion",
    "Edit",
    "Exchange",
    "Faults",
    "ForumTag",
    "Guild",
    "Interaction",
    "LoopbackDiscord",
    "LoopbackThread",
    "Observer",
    "Permission",
    "Post",
    "PostOptions",
    "Reaction",
    "Record",
    "Role",
    "StartLimit",
    "Subscription",
    "Typing",
    "kinds",
]
