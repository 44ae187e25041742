"""The loopback Discord: a gateway and REST server on this machine for unmodified discord.py clients."""

from __future__ import annotations

from app.playground.loopback import kinds
from app.playground.loopback.channels import ChannelType, ForumTag
from app.playground.loopback.errors import ApiError
from app.playground.loopback.faults import Faults
from app.playground.loopback.handshake import StartLimit
from app.playground.loopback.journal import Subscription
from app.playground.loopback.observing import Exchange, Observer
from app.playground.loopback.people import PostOptions
from app.playground.loopback.permissions import Permission
from app.playground.loopback.records import Deletion, Edit, Post, Reaction, Record, Typing
from app.playground.loopback.server import LoopbackDiscord
from app.playground.loopback.state import Account, Channel, Guild, Role
from app.playground.loopback.thread import LoopbackThread

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
