"""Fields that every answer of Discord carries and that are the same for all of the
loopback server's objects.

Clients other than discord.py read them strictly, and Discord's OpenAPI file requires
them.
"""

from __future__ import annotations

from app.loopback.errors import Json

USER: Json = {"avatar": None, "public_flags": 0, "flags": 0, "primary_guild": None}

MEMBER: Json = {
    "avatar": None,
    "banner": None,
    "premium_since": None,
    "deaf": False,
    "mute": False,
    "flags": 0,
}

ROLE: Json = {"icon": None, "unicode_emoji": None, "flags": 0}

# A server without boosts, a vanity address, a system channel or its own emoji.
GUILD: Json = {
    "icon": None,
    "splash": None,
    "discovery_splash": None,
    "home_header": None,
    "banner": None,
    "description": None,
    "application_id": None,
    "vanity_url_code": None,
    "region": "deprecated",
    "afk_channel_id": None,
    "afk_timeout": 300,
    "widget_enabled": False,
    "widget_channel_id": None,
    "verification_level": 0,
    "default_message_notifications": 0,
    "explicit_content_filter": 0,
    "mfa_level": 0,
    "nsfw": False,
    "nsfw_level": 0,
    "max_members": 500_000,
    "max_presences": None,
    "max_video_channel_users": 25,
    "max_stage_video_channel_users": 50,
    "premium_tier": 0,
    "premium_subscription_count": 0,
    "premium_progress_bar_enabled": False,
    "preferred_locale": "en-US",
    "features": [],
    "emojis": [],
    "stickers": [],
    "system_channel_id": None,
    "system_channel_flags": 0,
    "rules_channel_id": None,
    "public_updates_channel_id": None,
    "safety_alerts_channel_id": None,
    "incidents_data": None,
}

APPLICATION: Json = {
    "icon": None,
    "description": "",
    "summary": "",
    "type": None,
    "bot_public": False,
    "bot_require_code_grant": False,
    "verify_key": "0" * 64,
    "team": None,
    "redirect_uris": [],
    "interactions_endpoint_url": None,
    "role_connections_verification_url": None,
    "approximate_guild_count": 1,
    "approximate_user_install_count": 0,
    "approximate_user_authorization_count": 0,
    "explicit_content_filter": 0,
    "eligible_oauth2_scopes": [],
}

MESSAGE_CONTENT = (
    "type",
    "content",
    "mentions",
    "mention_roles",
    "attachments",
    "embeds",
    "timestamp",
    "edited_timestamp",
    "flags",
    "components",
)
"""Fields of what a message says, which a forwarded one keeps."""
MESSAGE_REQUIRED = frozenset(
    [
        *MESSAGE_CONTENT,
        "id",
        "channel_id",
        "author",
        "pinned",
        "mention_everyone",
        "tts",
    ]
)
"""Fields that every message has in an answer of REST; an event may come without
them."""
