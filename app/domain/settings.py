"""All settings: one frozen class, every name begins with STREAM_. `the-stream settings`
and docs/settings.md list them."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, cast
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from pydantic import (
    AliasChoices,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from app.domain import terms
from app.domain.addresses import (
    LOOPBACK_HOSTS,
    Credentials,
    RedisAddress,
    named_port,
    parse_address,
)
from app.domain.errors import ConfigurationError
from app.domain.places import NONE, NOWHERE, Places, Rules, places_file

Finite = Field(ge=0, allow_inf_nan=False)
Seconds = Annotated[float, Finite]
Dollars = Annotated[float, Finite]
PositiveSeconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Minutes = PositiveSeconds
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]


def _split_list(value: object) -> object:
    return (
        tuple(part.strip() for part in value.split(",") if part.strip())
        if isinstance(value, str)
        else value
    )


# NoDecode: pydantic-settings would want JSON where operators write commas.
NameList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_list)]
SecretList = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_split_list)]


def _absolute_path(path: Path | None) -> Path | None:
    return path.expanduser().absolute() if path is not None else None


RENAMED = {"STREAM_DELIVERY_HOLD": "STREAM_UNDELIVERED_LEASE"}
"""Old names of settings, which are still read, and the names of today."""


def _renamed(field: str) -> AliasChoices:
    """The variables of a field that had another name: the name of today counts first."""
    name = f"STREAM_{field.upper()}"
    return AliasChoices(name, *(old for old, new in RENAMED.items() if new == name))


_variables_of: dict[str, list[tuple[str, str, bool]]] = {}
"""Of each field, by which variables it is found. It is the same for all of a process,
and what pydantic-settings looks through types for."""


class _Variables(EnvSettingsSource):
    """The environment. Of a setting that it does not have, nothing is asked: its type
    would be looked through for what other variables might add to it."""

    def _extract_field_info(
        self, field: FieldInfo, field_name: str, *model_config: Any
    ) -> list[tuple[str, str, bool]]:
        known = _variables_of.get(field_name)
        if known is None:
            known = super()._extract_field_info(field, field_name, *model_config)
            _variables_of[field_name] = known
        return known

    def prepare_field_value(
        self, field_name: str, field: FieldInfo, value: Any, value_is_complex: bool
    ) -> Any:
        if value is None:
            return None
        return super().prepare_field_value(field_name, field, value, value_is_complex)


class _File(DotEnvSettingsSource):
    """`.env`, of which nothing is asked where there is none."""

    def __call__(self) -> dict[str, Any]:
        return super().__call__() if self.env_vars else {}


class Settings(BaseSettings):
    """What an operator may set, in the environment or in `.env`. Seconds unless a name
    says otherwise."""

    model_config = SettingsConfigDict(
        env_prefix="STREAM_",
        env_file=".env",
        frozen=True,
        extra="ignore",
        populate_by_name=True,
    )

    redis_url: str | None = Field(
        None,
        description="Redis or Valkey; unset: `up` and `demo` start an embedded Valkey",
    )
    broker_url: str | None = Field(
        None,
        description="Celery's broker; unset: the next database of STREAM_REDIS_URL",
    )
    redis_plain: bool = Field(
        False,
        description="allow sentinel://, and redis:// to another host: passwords and messages travel unencrypted; for a private network",
    )
    redis_ca: Path | None = Field(
        None,
        description="CA certificates (PEM) that must have signed Redis's; unset: the system's",
    )
    redis_cert: Path | None = Field(
        None, description="our own certificate for Redis (PEM), where it asks for one"
    )
    redis_key: Path | None = Field(
        None, description="private key of STREAM_REDIS_CERT (PEM)"
    )
    redis_sentinel_user: str | None = Field(
        None, description="user of the Sentinels, where they have users"
    )
    redis_sentinel_password: SecretStr | None = Field(
        None,
        description="password of the Sentinels; the server's own stands in STREAM_REDIS_URL",
    )
    data_dir: Path = Field(
        Path("~/.local/share/the-stream"),
        description="embedded Valkey's data, generated keys",
    )
    appendfsync: Annotated[str, Field(pattern="^(everysec|always|no)$")] = Field(
        "everysec",
        description="embedded Valkey: how often the append-only file reaches the disk",
    )
    redis_timeout: PositiveSeconds = Field(
        5.0, le=terms.most_s("redis_timeout"), description="socket timeout to Redis"
    )
    vault_keys: SecretList = Field(
        (),
        description="Fernet keys, newest first, separated by commas; gateways and workers only",
    )
    accept_unsigned: bool = Field(
        False,
        description="believe mailbox entries without a signature; only while updating from a version that wrote none",
    )
    characters_dir: Path | None = Field(
        None, description="folder of your own character files; unset: the shipped ones"
    )

    places: Path | None = Field(
        None,
        description="file with settings of single servers and channels; read again when it changes",
    )

    discord_api_url: str = Field(
        "https://discord.com/api/v10", description="Discord's REST address"
    )
    discord_gateway_url: str = Field(
        "wss://gateway.discord.gg/", description="Discord's gateway address"
    )
    discord_cdn_url: str = Field(
        "https://cdn.discordapp.com", description="where Discord keeps files"
    )
    discord_media_url: str = Field(
        "https://media.discordapp.net",
        description="where Discord keeps resized pictures",
    )
    discord_check_interval_minutes: Minutes = Field(
        7.0,
        description="minutes between safety polls, and between looks for messages that Discord did not deliver",
    )
    discord_timeout: PositiveSeconds = Field(
        10.0,
        le=terms.most_s("discord_timeout"),
        description="longest wait for one answer of Discord",
    )
    identifies_per_day: Annotated[int, Field(ge=1, le=450)] = Field(
        400,
        description="sessions that a bot may begin a day; Discord resets a token that begins 1,000",
    )
    identify_pause: PositiveSeconds = Field(
        5.0,
        description="least time between a bot's sessions; doubled while many begin. Discord asks for 5",
    )
    guild_ready_timeout: Seconds = Field(
        2.0, description="how long a gateway waits for guilds at start"
    )

    dry_run: bool = Field(
        False, description="decide and journal everything, post nothing"
    )
    speak_channels: NameList = Field(
        (),
        description="channel ids where bots may speak unasked, or `*`; empty: nowhere",
    )
    speak_in_threads: bool = Field(
        True, description="whether those channels' threads and posts count as they do"
    )
    proxy_applications: NameList = Field(
        ("466378653216014359", "431544605209788416"),
        description="applications whose webhooks speak for people (PluralKit, Tupperbox); all other webhooks are ignored",
    )
    proxy_delay: Annotated[float, Field(ge=0, le=10)] = Field(
        2.5,
        description="how long an answer waits for a proxy to replace the message, in servers with a proxy",
    )
    gateway_wakes: bool = Field(
        True, description="wake bots from gateway events; off: the safety poll alone"
    )
    interest: Literal["encoder", "words"] = Field(
        "encoder",
        description="how gateways know a bot's subject: by a sentence encoder (60 MB a process), or by listed words alone",
    )
    learns_from_people: bool = Field(
        True,
        description="what people make of a bot's unasked posts in a channel moves, slowly, how readily it speaks there",
    )
    ignored_people: NameList = Field((), description="user ids that no bot reacts to")
    trusted_level: Annotated[int, Field(ge=0, le=5)] = Field(
        4, description="trust level that makes an author trusted"
    )
    reaction_burst: Annotated[int, Field(ge=1)] = Field(
        3, description="more human reactions than this wake a bot"
    )

    commands_guilds: NameList = Field(
        (),
        description="server ids where `/stream` and the message menu `Why?` are offered, or `*`; empty: nowhere",
    )
    commands_bot: Annotated[str, Field(pattern="^([a-z][a-z0-9_-]{0,31})?$")] = Field(
        "",
        description="the bot that offers these commands; unset: the first bot of a server by name",
    )
    commands_redis_url: SecretStr | None = Field(
        None,
        description="login that answers them, where the gateways' own may not read what `why` reads; unset: STREAM_REDIS_URL",
    )
    stop_lasts: Seconds = Field(
        0.0,
        le=2_592_000,
        description="how long a moderator's stop word or stop sign holds; 0: until a moderator says go on",
    )

    cooldown: Seconds = Field(
        60.0,
        le=terms.MOST_COOLDOWN,
        description="least time between a bot's autonomous actions",
    )
    quiet_time: Seconds = Field(
        20.0,
        le=terms.most_s("quiet_time"),
        description="quiet after a bot's post in a channel: nobody speaks unasked there",
    )
    thought_wait: Annotated[float, Field(ge=0, le=10)] = Field(
        2.5,
        description="how long an answer waits after a line that is not the whole thought; 0: each line is answered by itself",
    )
    thought_typing: Annotated[float, Field(ge=0, le=30)] = Field(
        8.0, description="how much longer it waits once the author is seen typing"
    )
    thought_most: Annotated[float, Field(ge=0, le=60)] = Field(
        12.0,
        description="from its first line on, no thought is waited for longer than this",
    )
    contention_window: Seconds = Field(
        0.25, description="how long an election waits for bids"
    )
    election_max_age: PositiveSeconds = Field(
        120.0,
        le=terms.most_s("election_max_age"),
        description="an election older than this is left to the poll",
    )
    floor_lease: PositiveSeconds = Field(
        15.0,
        le=terms.most_s("floor_lease"),
        description="how long a silent holder keeps a channel's floor",
    )
    lock_lease: Annotated[int, Field(ge=1)] = Field(
        5, description="whole seconds a dead cycle keeps its lane's lock"
    )
    undelivered_lease: PositiveSeconds = Field(
        60.0,
        validation_alias=_renamed("undelivered_lease"),
        le=terms.most_s("undelivered_lease"),
        description="how long an undelivered post keeps a channel's floor",
    )
    delivery_lease: PositiveSeconds = Field(
        5.0, description="how long a dead deliverer keeps a channel"
    )
    deliver_by: PositiveSeconds = Field(
        120.0,
        le=terms.most_s("deliver_by"),
        description="an unasked post not delivered by then is dropped",
    )
    delivery_give_up: PositiveSeconds = Field(
        1800.0,
        le=terms.most_s("delivery_give_up"),
        description="a post that fails this long becomes a dead letter",
    )
    refusal_memory: PositiveSeconds = Field(
        600.0, description="how long what Discord refuses in a channel is remembered"
    )
    nonce_window: PositiveSeconds = Field(
        120.0, description="how long Discord surely remembers a nonce"
    )
    backfill_age: PositiveSeconds = Field(
        900.0,
        le=terms.most_s("backfill_age"),
        description="older missed messages are context only",
    )
    pump_interval: PositiveSeconds = Field(
        1.0, description="seconds between looks for overdue lanes"
    )
    gateway_lease: PositiveSeconds = Field(
        5.0, description="a dead gateway's bot can be taken over after this"
    )
    vault_refresh: PositiveSeconds = Field(
        3600.0,
        le=terms.most_s("vault_refresh"),
        description="seconds between vault publications",
    )

    root_posts: Count = Field(
        6, description="posts of ours that one human message may cause"
    )
    root_hops: Count = Field(4, description="longest chain of bots answering bots")
    root_tokens: Count = Field(
        100_000, description="tokens that one human message may cause"
    )
    root_usd: Dollars = Field(
        1.0,
        description="US dollars that one human message may cause",
    )
    proactive_posts: Count = Field(
        2, description="posts that one proactive post may cause, itself included"
    )
    daily_posts: Count = Field(500, description="posts per bot and day")
    daily_tokens: Count = Field(1_000_000, description="tokens per bot and day")
    daily_usd: Dollars = Field(5.0, description="US dollars per bot and day")
    daily_posts_all: Count = Field(
        5_000, description="posts of all bots together a day"
    )
    daily_tokens_all: Count = Field(
        5_000_000, description="tokens of all bots together a day"
    )
    daily_usd_all: Dollars = Field(
        20.0, description="US dollars of all bots together a day"
    )
    person_daily_tokens: Count = Field(
        250_000, description="tokens a day for what one person causes, of all bots"
    )
    person_daily_usd: Dollars = Field(
        2.0, description="US dollars a day for what one person causes, of all bots"
    )
    channel_daily_tokens: Count = Field(
        1_000_000,
        description="tokens a day in one channel with its threads, of all bots",
    )
    channel_daily_usd: Dollars = Field(
        5.0, description="US dollars a day in one channel with its threads, of all bots"
    )
    person_hourly: Count = Field(
        60, description="direct messages answered per person, bot and hour"
    )
    person_share: Share = Field(
        0.1, description="part of a bot's daily posts that may answer one person"
    )
    quiet_reserve: Share = Field(
        0.2,
        description="part of a bot's daily posts kept for people who had few answers today",
    )
    quiet_posts: Annotated[int, Field(ge=1)] = Field(
        5, description="a person with fewer answers today than this counts as quiet"
    )
    direct_waiting: Annotated[int, Field(ge=1, le=200)] = Field(
        200,
        description="direct messages that may wait for a bot in a channel; half as many more from people who asked little",
    )
    channel_bytes: Annotated[int, Field(ge=100_000)] = Field(
        16_000_000,
        description="bytes that a channel's messages, those of its threads too, leave in journals and elections; the oldest go first",
    )
    newcomer_days: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        7.0,
        description="messages of accounts, and of members, that are younger count twice; 0: all count once",
    )
    mention_author: bool = Field(
        False, description="whether a reply may ping its author"
    )

    model_timeout: PositiveSeconds = Field(
        60.0,
        le=terms.most_s("model_timeout"),
        description="longest wait for a language model",
    )
    context_messages: Annotated[int, Field(ge=1, le=100)] = Field(
        20, description="messages read before answering"
    )
    worker_threads: Annotated[int, Field(ge=1)] = Field(
        64,
        description="threads of the cycles worker: so many thoughts, and calls of a model, at once",
    )
    direct_threads: Annotated[int, Field(ge=1)] = Field(
        64,
        description="threads of the direct and delivery worker: so many thoughts, and calls of a model, at once",
    )
    flower_port: Annotated[int, Field(ge=0, le=65_535)] = Field(
        5555, description="Flower's port on loopback; 0: do not start it"
    )
    flower_password: SecretStr | None = Field(
        None, description="Flower's password; unset: one is made and kept"
    )
    page_port: Annotated[int, Field(ge=0, le=65_535)] = Field(
        8808, description="the control room's port; 0: `up` does not start it"
    )
    page_address: str = Field(
        "127.0.0.1",
        description="address that the control room listens on; one beyond this machine needs STREAM_PAGE_PASSWORD",
    )
    page_hosts: NameList = Field(
        (),
        description="host names that browsers may use for the control room besides this machine's own, as behind a proxy that speaks https",
    )
    page_password: SecretStr | None = Field(
        None,
        description="the control room's password; unset: one is made and kept, and `up` prints a link that opens it once",
    )
    page_reader_password: SecretStr | None = Field(
        None,
        description="a second password of the control room, which allows looking only; unset: there is none",
    )
    page_direct: bool = Field(
        False,
        description="show direct messages in the control room, to the full login only",
    )
    metrics_port: Annotated[int, Field(ge=0, le=65_533)] = Field(
        0,
        description="port of the gateway's metrics and health; the direct worker's is the next, the cycles worker's the one after; 0: none",
    )
    metrics_address: str = Field(
        "127.0.0.1",
        description="address that metrics and health listen on; they ask for no password",
    )
    traces_url: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = Field(
        "",
        description="where traces go, as OTLP over HTTP, such as `http://127.0.0.1:4318/v1/traces`; empty: there are none",
    )
    log_level: Annotated[str, Field(pattern="^(DEBUG|INFO|WARNING|ERROR)$")] = Field(
        "INFO", description="log level"
    )
    log_json: bool = Field(False, description="logs as JSON lines")
    tracing: bool = Field(
        False,
        description="let LangSmith variables of the environment take effect (text leaves!)",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What the code gives counts first, then the environment, then `.env`."""
        name = cast(DotEnvSettingsSource, dotenv_settings).env_file
        return init_settings, _Variables(settings_cls), _File(settings_cls, name)

    @field_validator(
        "speak_channels", "ignored_people", "proxy_applications", "commands_guilds"
    )
    @classmethod
    def _check_ids(cls, ids: tuple[str, ...]) -> tuple[str, ...]:
        for place, one in enumerate(ids, 1):
            # A name would match nothing, ever, and nobody would be told.
            if one != "*" and not (one.isascii() and one.isdecimal()):
                raise ValueError(
                    f"entry {place} is no id: give the digits that Discord's Copy ID gives"
                )
        return ids

    @field_validator("vault_keys")
    @classmethod
    def _check_fernet_keys(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for key in keys:
            try:
                Fernet(key.get_secret_value())
            except ValueError:
                # The value itself must not reach the message: it is a secret, if a
                # broken one.
                raise ValueError(
                    "holds something that is no Fernet key; `the-stream vault key` makes one"
                ) from None
        return keys

    @field_validator(
        "discord_api_url", "discord_gateway_url", "discord_cdn_url", "discord_media_url"
    )
    @classmethod
    def _check_encrypted(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https", "ws", "wss"} or not parts.hostname:
            raise ValueError("is no http(s) or ws(s) address")
        if parts.scheme in {"http", "ws"} and parts.hostname not in LOOPBACK_HOSTS:
            raise ValueError(
                "must use https or wss: tokens travel there (plain only on loopback)"
            )
        named_port(parts)
        return url

    @field_validator("traces_url")
    @classmethod
    def _check_port(cls, url: str) -> str:
        named_port(urlsplit(url))
        return url

    @field_validator("page_password", "page_reader_password")
    @classmethod
    def _check_length(cls, password: SecretStr | None) -> SecretStr | None:
        if password is not None and len(password.get_secret_value().strip()) < 8:
            raise ValueError("is shorter than 8 characters: give a longer one")
        return password

    @field_validator("redis_url", "broker_url")
    @classmethod
    def _check_redis_url(cls, url: str | None) -> str | None:
        if url is not None:
            parse_address(url)
        return url

    @field_validator("commands_redis_url")
    @classmethod
    def _check_commands_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            parse_address(url.get_secret_value())
        return url

    @model_validator(mode="after")
    def _check_consistency(self) -> Settings:
        for smaller, greater, else_ in terms.BELOW:
            if getattr(self, smaller) >= getattr(self, greater):
                raise ValueError(
                    f"STREAM_{smaller.upper()} must be below STREAM_{greater.upper()}, or {else_}"
                )
        return self

    @model_validator(mode="after")
    def _check_page(self) -> Settings:
        full, reader = self.page_password, self.page_reader_password
        if full is not None and full == reader:
            raise ValueError(
                "STREAM_PAGE_PASSWORD and STREAM_PAGE_READER_PASSWORD are the same: who may only look could do everything"
            )
        if full is None and self.page_address not in LOOPBACK_HOSTS:
            raise ValueError(
                "STREAM_PAGE_ADDRESS is not this machine's own: set STREAM_PAGE_PASSWORD as well"
            )
        return self

    @model_validator(mode="after")
    def _check_private(self) -> Settings:
        urls = [url for url in (self.redis_url, self.broker_url) if url is not None]
        if self.commands_redis_url is not None:
            urls.append(self.commands_redis_url.get_secret_value())
        if not self.redis_plain and not all(parse_address(url).private for url in urls):
            raise ValueError(
                "STREAM_REDIS_URL or STREAM_BROKER_URL: redis:// to another host and sentinel:// send passwords "
                "and messages unencrypted: use rediss://, "
                "sentinel+tls:// or unix://, or set STREAM_REDIS_PLAIN=true for a private network"
            )
        return self

    @model_validator(mode="after")
    def _check_certificate(self) -> Settings:
        if (self.redis_cert is None) != (self.redis_key is None):
            raise ValueError(
                "STREAM_REDIS_CERT and STREAM_REDIS_KEY must be set together"
            )
        return self

    @property
    def redis_credentials(self) -> Credentials:
        """What proves us, and Redis, beside STREAM_REDIS_URL."""
        password = self.redis_sentinel_password
        return Credentials(
            ca=_absolute_path(self.redis_ca),
            certificate=_absolute_path(self.redis_cert),
            key=_absolute_path(self.redis_key),
            sentinel_user=self.redis_sentinel_user,
            sentinel_password=password.get_secret_value() if password else None,
        )

    @property
    def store_address(self) -> RedisAddress | None:
        """STREAM_REDIS_URL in its parts; None: not set."""
        return parse_address(self.redis_url) if self.redis_url is not None else None

    @property
    def commands_address(self) -> RedisAddress | None:
        """STREAM_COMMANDS_REDIS_URL in its parts; None: not set."""
        url = self.commands_redis_url
        return None if url is None else parse_address(url.get_secret_value())

    @property
    def broker_address(self) -> RedisAddress | None:
        """STREAM_BROKER_URL, or the database after STREAM_REDIS_URL's: Celery's own
        keys never expire, so it gets its own."""
        if self.broker_url is not None:
            return parse_address(self.broker_url)
        store = self.store_address
        return store.moved_by(1) if store is not None else None

    @property
    def check_interval(self) -> float:
        """Seconds between safety polls."""
        return self.discord_check_interval_minutes * 60

    def rules_at(
        self, channel: str, parent: str | None = None, guild: str | None = None
    ) -> Rules:
        """What STREAM_PLACES says of a channel, or of a thread of the channel
        `parent`."""
        if self.places is None:
            return NONE
        return places_file(self.places.expanduser()).at(channel, parent, guild)

    def check_places(self) -> Places:
        """Read STREAM_PLACES now. Raises ConfigurationError of one line."""
        if self.places is None:
            return NOWHERE
        return places_file(self.places.expanduser()).load()

    def may_speak(
        self, channel: str, parent: str | None = None, guild: str | None = None
    ) -> bool:
        """Whether bots may speak unasked in this channel, or in a thread of the channel
        `parent`."""
        rules = self.rules_at(channel, parent, guild)
        if rules.threads is False and parent is not None:
            return False
        if rules.speak is not None:
            return rules.speak
        # A thread that is listed by itself counts, whatever threads may do.
        if channel in self.speak_channels:
            return True
        threads = self.speak_in_threads if rules.threads is None else rules.threads
        if parent is not None and not threads:
            return False
        return "*" in self.speak_channels or parent in self.speak_channels


def token_variable(bot: str) -> str:
    """The variable of the environment that holds a bot's Discord token. No setting: it
    must not reach any other process."""
    return f"STREAM_TOKEN_{bot.upper().replace('-', '_')}"


def explanations(error: ValidationError) -> list[str]:
    """For each wrong setting one line that names it and how to mend it, without its
    value (it may be a secret)."""
    lines = []
    for one in error.errors(include_input=False, include_url=False):
        name = str(one["loc"][0]).upper() if one["loc"] else "settings"
        if one["loc"] and not name.startswith("STREAM_"):
            name = f"STREAM_{name}"
        reason = one["msg"].removeprefix("Value error, ")
        lines.append(f"{name}: {reason}. `the-stream settings` describes it.")
    return lines


def explain_first(error: ValidationError) -> str:
    """The first of `explanations`."""
    return explanations(error)[0]


def read_secret_files(environ: MutableMapping[str, str]) -> None:
    """Put the content of each file that a STREAM_..._FILE names into STREAM_...:
    secrets of containers are files. Raises ConfigurationError where one cannot be read,
    or where both are set."""
    # A list first: the loop changes the mapping.
    for name in [
        name
        for name in environ
        if name.startswith("STREAM_") and name.endswith("_FILE")
    ]:
        target = name.removesuffix("_FILE")
        if target in environ:
            raise ConfigurationError(
                f"{name}: {target} is set as well; set one of them."
            )
        try:
            environ[target] = Path(environ[name]).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"{name}: the file cannot be read ({type(error).__name__})."
            ) from None
        del environ[name]


@lru_cache
def load_settings() -> Settings:
    """The settings of this process, read once; a wrong one is a ConfigurationError of
    one line."""
    read_secret_files(os.environ)
    try:
        return Settings()
    except ValidationError as error:
        # pydantic's own error quotes the value, which may be a secret.
        raise ConfigurationError(explain_first(error)) from None
