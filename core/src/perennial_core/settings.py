"""What the services read from their environment, and what is written there for them.

The operator and the local mode start trainers and predictors with ``environment(settings)``, which
these read again with the same class: one truth for each variable.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticKnownError

from perennial_core.errors import UserError
from perennial_core.validation import Matching, plainly

MEBIBYTE = 1024 * 1024
_REDIS_PORT = 6379


def _names(value: Any) -> Any:
    """Read ``["a", "b"]`` or ``a,b``."""
    if not isinstance(value, str):
        return value
    if not value.lstrip().startswith("["):
        return [name.strip() for name in value.split(",") if name.strip()]
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError(f'{value!r} is no list; write ["a", "b"] or a,b') from None


Names = Annotated[list[str], BeforeValidator(_names)]

LogLevel = Annotated[
    Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"],
    BeforeValidator(lambda name: name.upper() if isinstance(name, str) else name),
]
"""The least that is logged, in capitals or not."""

HttpAddress = Annotated[
    str,
    Matching(
        r"https?://([-.0-9A-Za-z]+|\[[0-9A-Fa-f:]+\])(:\d{1,5})?",
        "scheme, host and port such as http://points-shadow:5001",
    ),
]


class Settings(BaseModel):
    """What a service reads from variables that begin with ``prefix``."""

    model_config = ConfigDict(extra="ignore", defer_build=True)

    prefix: ClassVar[str] = "PERENNIAL_"

    @classmethod
    def variable(cls, field: str) -> str:
        """Return the environment variable of a field."""
        return f"{cls.prefix}{field}".upper()


class RegistrySettings(Settings):
    """Where the registry is: ``PERENNIAL_REDIS_*``."""

    prefix = "PERENNIAL_REDIS_"

    url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    """``redis://[user[:password]@]host[:port][/database]``, or with TLS ``rediss://...``."""
    password: SecretStr | None = None
    """Password (or ElastiCache auth token), when it does not stand in the URL."""
    ca: str | None = None
    """Certificate authority for TLS, as PEM text; by default the system's."""
    max_artifact_bytes: Annotated[int, Field(ge=1, le=512 * MEBIBYTE)] = 256 * MEBIBYTE
    """Larger artifacts are refused; Redis itself takes at most 512 MiB."""

    @property
    def host(self) -> str:
        """Host and port, which name the registry without its secrets."""
        parts = urlsplit(self.url.get_secret_value())
        return f"{parts.hostname}:{parts.port or _REDIS_PORT}"


class SourceRegistrySettings(RegistrySettings):
    """Where the registry is that versions are taken over from: ``PERENNIAL_SOURCE_REDIS_*``."""

    prefix = "PERENNIAL_SOURCE_REDIS_"

    url: SecretStr


class TrainerSettings(Settings):
    """How one run of the trainer is set up: ``PERENNIAL_*``."""

    training_file: Path = Path("/etc/perennial/training.json")
    """The training order; see perennial_core.order."""
    run_id: str
    """The same for every try of one run."""
    data_directory: Path = Path("/data")
    """What stands at /data: file: URIs below /data are read from here."""
    credentials_directory: Path = Path("/etc/perennial/credentials")
    """Where the keys of ``credentialsSecret`` are mounted, a file each."""
    termination_log: Path = Path("/dev/termination-log")
    """Where the last error is written for Kubernetes to show."""
    allowed_modules: Names = ["sklearn"]
    """Estimators come from these modules and what lies below them."""
    trusted_types: Names = []
    """Types that a skops artifact may need, beyond the project's own list."""
    log_level: LogLevel = "INFO"


class PredictorSettings(Settings):
    """How one predictor is set up: ``PERENNIAL_*``."""

    bundle: Path | None = None
    """A folder that holds a bundle: its version is served, and no registry is asked."""
    model: Annotated[str, Field(validate_default=True)] = ""
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
    workers: Annotated[int, Field(ge=1)] | None = None
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

    @field_validator("model")
    @classmethod
    def _is_named(cls, model: str, given: ValidationInfo) -> str:
        if not model and given.data.get("bundle") is None:
            raise PydanticKnownError("missing")
        return model


_S = TypeVar("_S", bound=Settings)


def from_environment(kind: type[_S], **given: Any) -> _S:
    """Read settings; those that are given are not looked for in the environment.

    Raises:
        UserError: A variable is missing or wrong; the text names each.
    """
    variables = {name: kind.variable(name) for name in kind.model_fields}
    found = {name: os.environ[key] for name, key in variables.items() if key in os.environ}
    try:
        return kind.model_validate(found | given)
    except ValidationError as error:
        problems = (
            f"{kind.variable('_'.join(map(str, item['loc'])))}: {plainly(item)}"
            for item in error.errors(include_url=False)
        )
        raise UserError("; ".join(problems)) from None


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment variables from which the same settings are read again."""
    return {
        settings.variable(name): _text(value)
        for name, value in settings
        if value is not None and name in settings.model_fields_set
    }


def _text(value: Any) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return json.dumps(value) if isinstance(value, list) else str(value)
