"""Cases that do not pass yet, by what they wait for; each is expected to fail, so that it is taken out when it passes."""

from __future__ import annotations

_BY_REASON: dict[str, tuple[str, ...]] = {
    "who is addressed: managed roles, nicknames, replies without their message": (
        "addressing: managed role of one bot, while the other could speak",
        "addressing: a nickname given while the bot runs",
        "addressing: reply that pings, the message it replies to is null",
        "addressing: reply that pings, the message it replies to is left out",
        "01-managed-role-mention: mention of the bot's own managed role, quiet channel",
        "01-managed-role-mention: moderator: managed role + stop",
        "09-what-the-model-is-shown: a person with a server nickname",
        "10-names: nickname of the bot in this server, called",
    ),
    "a message of an unknown server is nobody's": ("addressing: a message of a server that nobody knows",),
    "what was said besides text, and names for ids": (
        "contents: forward of a forward, direct message",
        "contents: forward of a picture, direct message",
        "contents: forward beside a mention",
        "contents: poll with ten answers of markup",
        "contents: poll alone, direct message to the offline voice",
        "contents: attachment whose type lies",
        "contents: image of 25 MB",
        "contents: file of no bytes",
        "contents: attachment without a type",
        "contents: animated emoji and a channel in the text",
        "contents: embed without any text",
        "08-no-text-in-dm-and-reply: image alone, direct message",
        "08-no-text-in-dm-and-reply: sticker alone, direct message",
        "08-no-text-in-dm-and-reply: voice message alone, direct message",
        "08-no-text-in-dm-and-reply: poll alone, direct message",
        "08-no-text-in-dm-and-reply: forwarded message alone, direct message",
        "08-no-text-in-dm-and-reply: long paste (message.txt) alone, direct message",
        "08-no-text-in-dm-and-reply: image alone, in reply to the bot",
        "08-no-text-in-dm-and-reply: sticker alone, in reply to the bot",
        "08-no-text-in-dm-and-reply: voice message alone, in reply to the bot",
        "09-what-the-model-is-shown: mention + image",
        "09-what-the-model-is-shown: mentions, custom emoji, channels in the text",
        "09-what-the-model-is-shown: lines of pictures, stickers in the transcript",
        "09-what-the-model-is-shown: a thread that was started on a message",
        "09-what-the-model-is-shown: forum post whose title is the question",
        "10-names: display name 'Sam (she/her)'",
        "10-names: display name 'night_owl'",
    ),
    "permission before thought": (
        "permissions: who may not send is asked: no answer and no model call",
        "permissions: the right to send is taken while the bot runs",
        "threads: locked thread: nobody may answer, so no model is asked",
        "03-winner-may-not-send: the best bidder may not send here; open question",
    ),
    "people behind proxies": (
        "proxies: PluralKit: the copy is answered, the original is not",
        "proxies: Tupperbox: the copy is answered",
    ),
    "threads and forums belong to their channel": (
        "threads: mute of a text channel reaches its thread",
        "05-forum-post-missed: forum post that mentions the bot, posted while its gateway is away",
        "06-mute-does-not-reach-threads: mute channel:FORUM, then a mention in a post of it",
        "06-mute-does-not-reach-threads: moderator stops the bot in a channel, then a mention in its thread",
    ),
}

AWAITED = {case: reason for reason, cases in _BY_REASON.items() for case in cases}
"""Reasons by case."""
