"""What the services read from their environment, and what is written there for them.

The operator and the local mode start trainers and predictors with ``environment(settings)``, which
these read again with the same class: one truth for each variable.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    ClassVar,
    Literal,
    NewType,
    Self,
    TypeVar,
    Union,
    get_args,
    get_origin,
)
from urllib.parse import urlsplit

import msgspec
from msgspec import NODEFAULT, Meta
from msgspec.structs import FieldInfo

from perennial_core.errors import UserError

MEBIBYTE = 1024 * 1024
_REDIS_PORT = 6379

Names = list[str]
"""Written as ``["a", "b"]`` or ``a,b``."""

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
"""The least that is logged, in capitals or not."""


class Secret:
    """A text that neither logs nor tracebacks show."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def get_secret_value(self) -> str:
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Secret('**********')"


HttpAddress = NewType("HttpAddress", str)
"""Scheme, host and port."""

_HTTP_ADDRESS = re.compile(r"https?://([-.0-9A-Za-z]+|\[[0-9A-Fa-f:]+\])(:\d{1,5})?")
_OUT_OF_BOUNDS = re.compile(r"Expected `\w+` ([<>]=) (\S+)")
_BOUNDS = {">=": "at least", "<=": "at most"}
_MISSING = "this field is required"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a service reads from variables that begin with ``prefix``."""

    prefix: ClassVar[str] = "PERENNIAL_"

    @classmethod
    def variable(cls, field: str) -> str:
        """Return the environment variable of a field."""
        return f"{cls.prefix}{field}".upper()

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Return settings by the names of their fields; texts are read as in the environment.

        Raises:
            UserError: A field is missing or wrong; the text names the variable of each.
        """
        values, problems = {}, []
        required = cls.required(given)
        for field in msgspec.structs.fields(cls):
            if field.name not in given:
                problems += [(field.name, _MISSING)] * (field.name in required)
                continue
            try:
                values[field.name] = _read(given[field.name], field.type)
            except ValueError as error:
                problems.append((field.name, str(error)))
        if problems:
            raise UserError("; ".join(f"{cls.variable(name)}: {why}" for name, why in problems))
        return cls(**values)

    @classmethod
    def required(cls, given: Mapping[str, Any]) -> set[str]:
        """Return which fields must be given."""
        return {field.name for field in msgspec.structs.fields(cls) if field.required}

    def changed(self, **fields: Any) -> Self:
        """Return the same with other values for some fields."""
        return msgspec.structs.replace(self, **fields)


TERMINATION_LOG = Path("/dev/termination-log")
"""Where Kubernetes looks for a container's last words by default."""


class RegistrySettings(Settings, frozen=True, kw_only=True):
    """Where the registry is: ``PERENNIAL_REDIS_*``."""

    prefix: ClassVar[str] = "PERENNIAL_REDIS_"

    url: Secret = Secret("redis://127.0.0.1:6379/0")
    """``redis://[user[:password]@]host[:port][/database]``, or with TLS ``rediss://...``."""
    password: Secret | None = None
    """Password (or ElastiCache auth token), when it does not stand in the URL."""
    ca: str | None = None
    """Certificate authority for TLS, as PEM text; by default the system's."""
    max_artifact_bytes: Annotated[int, Meta(ge=1, le=512 * MEBIBYTE)] = 256 * MEBIBYTE
    """Larger artifacts are refused; Redis itself takes at most 512 MiB."""

    @property
    def host(self) -> str:
        """Host and port, which name the registry without its secrets."""
        parts = urlsplit(self.url.get_secret_value())
        return f"{parts.hostname}:{parts.port or _REDIS_PORT}"


class SourceRegistrySettings(RegistrySettings, frozen=True, kw_only=True):
    """Where the registry is that versions are taken over from: ``PERENNIAL_SOURCE_REDIS_*``."""

    prefix: ClassVar[str] = "PERENNIAL_SOURCE_REDIS_"

    url: Secret


class TrainerSettings(Settings, frozen=True, kw_only=True):
    """How one run of the trainer is set up: ``PERENNIAL_*``."""

    training_file: Path = Path("/etc/perennial/training.json")
    """The training order; see perennial_core.order."""
    run_id: str
    """The same for every try of one run."""
    data_directory: Path = Path("/data")
    """What stands at /data: file: URIs below /data are read from here."""
    credentials_directory: Path = Path("/etc/perennial/credentials")
    """Where the keys of ``credentialsSecret`` are mounted, a file each."""
    termination_log: Path = TERMINATION_LOG
    """Where the last error is written for Kubernetes to show."""
    allowed_modules: Names = msgspec.field(default_factory=lambda: ["sklearn"])
    """Estimators come from these modules and what lies below them."""
    trusted_types: Names = []
    """Types that a skops artifact may need, beyond the project's own list."""
    log_level: LogLevel = "INFO"


class PredictorSettings(Settings, frozen=True, kw_only=True):
    """How one predictor is set up: ``PERENNIAL_*``."""

    bundle: Path | None = None
    """A folder that holds a bundle: its version is served, and no registry is asked."""
    model: str = ""
    """``namespace/name``; with a bundle it need not be given, as version and digest."""
    version: int | None = None
    """The version to serve; absent: what the registry's ``serving`` key says, as it changes."""
    digest: str | None = None
    """The digest that the version must have; given with ``version``."""
    host: str = "0.0.0.0"
    port: int = 5001
    grpc_port: int | None = None
    """Where gRPC is answered too; absent: nowhere, which saves time at the start, and memory."""
    cache_directory: Path = Path("/var/cache/perennial")
    """Where the last artifact is kept, to serve from when Redis is down at start."""
    drain_seconds: float = 15.0
    """After SIGTERM: the longest wait for clients to finish and leave."""
    drain_min_seconds: float = 5.0
    """After SIGTERM: the shortest time in which new connections are still accepted, for a Service
    needs a while to send no more. Without a Service in front, 0 will do."""
    max_body_bytes: int = 16 * MEBIBYTE
    """Larger request bodies are refused."""
    body_seconds: float = 5.0
    """A body of which nothing more arrives for so long is given up."""
    max_instances: int = 100_000
    """Requests with more instances are refused."""
    workers: Annotated[int, Meta(ge=1)] | None = None
    """How many processes answer; absent: for a quick model as many as the container's limits have
    whole CPUs, and memory for, else one."""
    threads: int = 1
    """How many threads one prediction uses; 1 is best for single rows."""
    trusted_types: Names = []
    """Types that a skops artifact may need, beyond the project's own list."""
    shadow_url: HttpAddress | None = None
    """Where copies of the requests for predictions are sent, to compare the answers: scheme, host
    and port. Clients have their answers by then, and get none from there."""
    log_level: LogLevel = "INFO"

    @classmethod
    def required(cls, given: Mapping[str, Any]) -> set[str]:
        named = super().required(given)
        return named if given.get("bundle") is not None else named | {"model"}


_S = TypeVar("_S", bound=Settings)


def from_environment(kind: type[_S], **given: Any) -> _S:
    """Read settings; those that are given are not looked for in the environment.

    Raises:
        UserError: A variable is missing or wrong; the text names each.
    """
    variables = {name: kind.variable(name) for name in kind.__struct_fields__}
    found = {name: os.environ[key] for name, key in variables.items() if key in os.environ}
    return kind.of(found | given)


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment variables from which the same settings are read again.

    What has its default is left out.
    """
    values = {
        field.name: getattr(settings, field.name)
        for field in msgspec.structs.fields(settings)
        if field.required or getattr(settings, field.name) != _default(field)
    }
    return environment_of(type(settings), **values)


def environment_of(kind: type[Settings], **fields: Any) -> dict[str, str]:
    """Return the environment variables that say this, whatever the defaults of who reads them."""
    return {
        kind.variable(name): _text(value) for name, value in fields.items() if value is not None
    }


def _default(field: FieldInfo) -> Any:
    return field.default if field.default is not NODEFAULT else field.default_factory()


def _text(value: Any) -> str:
    if isinstance(value, Secret):
        return value.get_secret_value()
    return json.dumps(value) if isinstance(value, list) else str(value)


def _read(value: Any, kind: Any) -> Any:
    """Return what a text says of a field; what is no text is what it should be.

    Raises:
        ValueError: It cannot be read; the text says what is expected.
    """
    if not isinstance(value, str):
        return value
    kind = _without_none(kind)
    return _READERS[kind](value) if kind in _READERS else _number(value, kind)


def _without_none(kind: Any) -> Any:
    if get_origin(kind) in (Union, UnionType):
        (kind,) = (each for each in get_args(kind) if each is not NoneType)
    return kind


def _number(text: str, kind: Any) -> Any:
    try:
        return msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError as error:
        found = _OUT_OF_BOUNDS.match(str(error))
        whole = "a number" if kind is float else "a whole number"
        expected = f"{_BOUNDS[found[1]]} {found[2]}" if found else whole
        raise ValueError(f"must be {expected}, not {text!r}") from None


def _names(text: str) -> Names:
    if not text.lstrip().startswith("["):
        return [name.strip() for name in text.split(",") if name.strip()]
    try:
        return msgspec.json.decode(text, type=Names)
    except msgspec.DecodeError:
        raise ValueError(f'{text!r} is no list; write ["a", "b"] or a,b') from None


def _log_level(text: str) -> str:
    level, levels = text.upper(), get_args(LogLevel)
    if level not in levels:
        *others, last = map(repr, levels)
        raise ValueError(f"must be {', '.join(others)} or {last}, not {text!r}")
    return level


def _http_address(text: str) -> HttpAddress:
    if not _HTTP_ADDRESS.fullmatch(text):
        expected = "scheme, host and port such as http://points-shadow:5001"
        raise ValueError(f"{text!r} is not {expected}")
    return HttpAddress(text)


_READERS: Mapping[Any, Callable[[str], Any]] = {
    str: str,
    Path: Path,
    Secret: Secret,
    Names: _names,
    LogLevel: _log_level,
    HttpAddress: _http_address,
}
"""How the texts of the environment are read, by the type of the field; numbers are by msgspec."""
