"""`the-stream up`: which processes run, what each of them may know, and what the
terminal shows."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from cryptography.fernet import Fernet
from pydantic import SecretStr
from rich.console import Console
from rich.text import Text

from app.cli.lamps import StatusWatch, status_line
from app.domain.errors import PortInUse
from app.domain.settings import Settings, token_variable
from app.host.forking import Template
from app.host.kept_logs import FOLDER, KeptLogs
from app.host.supervisor import ChildSpec, Supervisor
from app.host.valkey import (
    HOST,
    EmbeddedValkey,
    is_bindable,
    kept_secret,
    private_folder,
)
from app.runtime import logs
from app.runtime.scraping import PLACES, port_of
from app.runtime.traces import check_installed
from app.store.fitness import check_servers, warn_of_eviction
from app.web.links import PASSWORD_FILE, address_of, make_link

EVERYBODYS = re.compile(
    r"(?:PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_\w+|TZ|TERM|TMPDIR|VIRTUAL_ENV|PYTHON\w+|LD_\w+|OPENBLAS_\w+|OMP_\w+"
    r"|SSL_CERT_FILE|SSL_CERT_DIR|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE)\Z"
)
"""Variables of the environment that every child inherits: what a program needs to
start, to know its language and to trust certificates. No other is, whatever its
name."""
OUTWARD = re.compile(
    r"(?:(?:https?|all|no)_proxy|OLLAMA_HOST|OPENAI_BASE_URL|OPENAI_API_BASE|ANTHROPIC_BASE_URL)\Z",
    re.IGNORECASE,
)
"""Those that gateways and workers inherit besides: the way to Discord and to models. A
proxy's address may hold a password."""
TRACING = re.compile(r"LANG(?:SMITH|CHAIN)_\w+\Z")
COLLECTOR = re.compile(r"OTEL_\w+\Z")
"""What OpenTelemetry's own client reads: headers, certificates, samplers."""
"""Those that workers inherit besides, if prompts are to be traced."""
PRELOADED = "app.cli.preload"
"""What the children share. It is told only what each of them may know."""
MODEL_KEYS = re.compile(r"STREAM_KEY_\w+\Z")
"""Those that the gateway inherits besides, with its bots' tokens: it publishes what
workers need, encrypted."""


def up(bots: list[str], settings: Settings) -> int:
    """Run everything until Ctrl-C; the exit code."""
    console = Console(stderr=True, highlight=False)
    data = private_folder(settings.data_dir)
    kept = settings.page_password is None
    settings = _with_kept_secrets(settings, data, console)
    server = None if settings.redis_url else EmbeddedValkey(data, settings.appendfsync)
    try:
        if server is not None:
            server.prepare()
            settings = settings.model_copy(update={"redis_url": server.url})
        _check_startable(settings, store=server is None)
        # Our own server evicts nothing.
        for line in warn_of_eviction(settings) if server is None else ():
            console.print(f"✗ {line}", markup=False, soft_wrap=True)
        logs.register_settings(settings)
        if settings.page_port:
            _show_page(settings, data, console, kept)
        kept_logs = KeptLogs(data / FOLDER)
        say = Terminal(console, kept_logs).say
        template = Template([PRELOADED], public_environment(os.environ, settings))
        specs = forked(child_specs(bots, settings, data, server), template)
        supervisor = Supervisor(specs, say)
        with (
            closing(kept_logs),
            closing(template),
            StatusWatch(settings, bots, say) as watch,
            status_line(console, supervisor, watch),
        ):
            code = supervisor.run()
    finally:
        if server is not None:
            server.release()
    if supervisor.failure:
        print(logs.printable(supervisor.failure), file=sys.stderr)  # noqa: T201 -- the one line of a refused start
    return code


def _check_startable(settings: Settings, store: bool) -> None:
    """Refuse what would let children fail and start again for ever: a port that is
    taken, a Redis that is not there."""
    if settings.flower_port and not is_bindable(settings.flower_port):
        raise PortInUse(
            f"STREAM_FLOWER_PORT: port {settings.flower_port} is in use; choose another, or 0 for no Flower."
        )
    if settings.page_port and not is_bindable(settings.page_port):
        raise PortInUse(
            f"STREAM_PAGE_PORT: port {settings.page_port} is in use; choose another, or 0 for no page."
        )
    for role in PLACES:
        port = port_of(role, settings)
        if port and not is_bindable(port):
            raise PortInUse(
                f"STREAM_METRICS_PORT: port {port} ({role}) is in use; choose another, or 0 for no metrics."
            )
    check_installed(settings)
    settings.check_places()
    if store:
        check_servers(settings)


def _with_kept_secrets(settings: Settings, data: Path, console: Console) -> Settings:
    """The settings, with a vault key and Flower's password that are made once and kept
    in the data folder."""
    changes: dict[str, object] = {}
    if not settings.vault_keys:
        key = kept_secret(data / "vault.key", lambda: Fernet.generate_key().decode())
        changes["vault_keys"] = (SecretStr(key),)
    if settings.flower_port and settings.flower_password is None:
        file = data / "flower.password"
        # Once, and to a person who looks on: what is written into a log is read by more
        # people, and for longer.
        shows = console.is_terminal and not file.exists()
        password = kept_secret(file)
        changes["flower_password"] = SecretStr(password)
        shown = f"password {password}" if shows else f"password in {file}"
        address = f"http://{HOST}:{settings.flower_port}"
        console.print(
            f"Flower: {address}  user stream, {shown}", markup=False, soft_wrap=True
        )
    if settings.page_port and settings.page_password is None:
        changes["page_password"] = SecretStr(kept_secret(data / PASSWORD_FILE))
    return settings.model_copy(update=changes)


def _show_page(settings: Settings, data: Path, console: Console, kept: bool) -> None:
    """Where the control room is. `kept`: its password was made here, so a person who
    looks on gets a link that opens it once."""
    address = f"The page: {address_of(settings)}"
    if kept and console.is_terminal:
        address = f"The page, once and within ten minutes: {make_link(settings)}"
    elif kept:
        address += f"  password in {data / PASSWORD_FILE}"
    console.print(address, markup=False, soft_wrap=True)


def child_specs(
    bots: list[str], settings: Settings, data: Path, server: EmbeddedValkey | None
) -> list[ChildSpec]:
    """The children of `up`, each with an environment that holds no secret it does not
    need."""
    public = public_environment(os.environ, settings)
    outward = public | chosen_variables(os.environ, OUTWARD)
    if settings.traces_url:
        outward |= chosen_variables(os.environ, COLLECTOR)
    worker = outward | (
        chosen_variables(os.environ, TRACING) if settings.tracing else {}
    )
    tokens = {
        name: value
        for name, value in os.environ.items()
        if name in {token_variable(bot) for bot in bots}
    }
    keys = {
        "STREAM_VAULT_KEYS": ",".join(
            key.get_secret_value() for key in settings.vault_keys
        )
    }
    desk = settings.commands_redis_url
    login = (
        {} if desk is None else {"STREAM_COMMANDS_REDIS_URL": desk.get_secret_value()}
    )
    children = [
        ChildSpec(
            "gateway",
            [sys.executable, "-m", "app.cli.main", "gateway", *bots],
            outward | chosen_variables(os.environ, MODEL_KEYS) | tokens | keys | login,
        ),
        ChildSpec(
            "direct",
            _worker_command("direct", "direct,delivery", settings.direct_threads),
            worker | keys,
        ),
        ChildSpec(
            "cycles",
            _worker_command("cycles", "cycles,chores", settings.worker_threads),
            worker | keys,
        ),
        *_without_secrets(settings, public, data),
    ]
    if server is not None:
        children.insert(0, _valkey_spec(server))
    return children


def forked(specs: Sequence[ChildSpec], template: Template) -> list[ChildSpec]:
    """The same children, those in Python as forks of the template, which comes first;
    unchanged where the kernel is not Linux."""
    if sys.platform != "linux":
        return list(specs)
    found = [template.spec()]
    for spec in specs:
        of_python = list(spec.command[:2]) == [sys.executable, "-m"]
        launch = template.launch if of_python else spec.launch
        found.append(replace(spec, launch=launch))
    return found


def _without_secrets(
    settings: Settings, public: dict[str, str], data: Path
) -> list[ChildSpec]:
    """Beat, Flower and the page. They run in the data folder, so that they do not read
    the secrets of an `.env` file either."""
    schedule = str(data / "celerybeat-schedule")
    beat = _celery_command("beat", "--schedule", schedule, "--pidfile=")
    children = [ChildSpec("beat", beat, public, data)]
    if settings.flower_port and settings.flower_password is not None:
        password = settings.flower_password.get_secret_value()
        login = {"FLOWER_BASIC_AUTH": f"stream:{password}"}
        flower = _celery_command(
            "flower", f"--address={HOST}", f"--port={settings.flower_port}"
        )
        children.append(ChildSpec("flower", flower, public | login, data))
    if settings.page_port:
        page = [sys.executable, "-m", "app.cli.main", "page"]
        children.append(ChildSpec("page", page, public | _page_logins(settings), data))
    return children


def _page_logins(settings: Settings) -> dict[str, str]:
    passwords = {
        "STREAM_PAGE_PASSWORD": settings.page_password,
        "STREAM_PAGE_READER_PASSWORD": settings.page_reader_password,
    }
    return {
        name: password.get_secret_value()
        for name, password in passwords.items()
        if password is not None
    }


def _valkey_spec(server: EmbeddedValkey) -> ChildSpec:
    return ChildSpec(
        "valkey",
        server.command,
        base=True,
        pass_fds=(server.lock_descriptor,),
        environment={},
        prepare=server.prepare,
        started=server.started,
        ready=server.ready,
    )


def _celery_command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "celery", "-A", "tasks", *arguments]


def _worker_command(name: str, queues: str, threads: int) -> list[str]:
    # Mingle and gossip cost a second at each start and do nothing for us: workers need
    # not know each other.
    return _celery_command(
        "worker",
        "--hostname",
        f"{name}@%h",
        "--queues",
        queues,
        "--pool",
        "threads",
        "--concurrency",
        str(threads),
        "--without-mingle",
        "--without-gossip",
    )


def public_environment(
    inherited: Mapping[str, str], settings: Settings
) -> dict[str, str]:
    """What every child gets: what it needs of the inherited environment, and all
    settings but the secret ones."""
    plain = chosen_variables(inherited, EVERYBODYS)
    for name in Settings.model_fields:
        value, variable = getattr(settings, name), f"STREAM_{name.upper()}"
        # `vault_keys` is a tuple of secrets, which no `isinstance` shows.
        secret = isinstance(value, SecretStr) or name == "vault_keys"
        if secret or value is None or value == ():
            continue
        if isinstance(value, Path):
            plain[variable] = str(value.expanduser().absolute())
        else:
            plain[variable] = (
                ",".join(value) if isinstance(value, tuple) else str(value)
            )
    if settings.redis_sentinel_password is not None:
        # It goes with the address: a process that may reach Redis asks where it is.
        password = settings.redis_sentinel_password.get_secret_value()
        plain["STREAM_REDIS_SENTINEL_PASSWORD"] = password
    # Unbuffered: into a pipe Python would else write lines by the block, late.
    return plain | {"PYTHONUNBUFFERED": "1"}


def chosen_variables(
    inherited: Mapping[str, str], names: re.Pattern[str]
) -> dict[str, str]:
    """The variables that are named so."""
    return {name: value for name, value in inherited.items() if names.match(name)}


class Terminal:
    """Prints and keeps the children's lines, each with its child's name; whole lines
    only, from any thread."""

    def __init__(self, console: Console, kept_logs: KeptLogs) -> None:
        self._console = console
        self._kept_logs = kept_logs
        self._lock = threading.Lock()

    def say(self, name: str, line: str) -> None:
        """Print one line. The children redact their own; this catches what came before
        their logging was set up, and what other programs write."""
        line = logs.printable(line)
        trouble = self._kept_logs.write(name, line)
        self._print_line(name, line)
        if trouble:
            self._print_line("up", trouble)

    def _print_line(self, name: str, line: str) -> None:
        head = f"{name:>8} │ "
        with self._lock:
            if self._console.is_terminal:
                text = Text.assemble((head, "dim"), line)
                self._console.print(text, soft_wrap=True)
                return
            # Nobody sees colours there, and laying a line out takes rich fifty times
            # as long as writing it.
            self._console.file.write(f"{head}{line}\n")
            self._console.file.flush()
