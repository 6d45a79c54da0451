"""The directory where a model's local state is: registry, artifact cache, logs."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from perennial_core.errors import UserError
from perennial_core.identity import ModelKey


class DirectoryInUse(UserError):
    """Another process holds the state directory."""


DEFAULT_PARENT = Path(".perennial")


def default_directory(key: ModelKey) -> Path:
    """Return where a model's state is when nobody says otherwise."""
    return DEFAULT_PARENT / f"{key.namespace}-{key.name}"


@dataclass(frozen=True)
class StateDirectory:
    """What is where below the directory."""

    root: Path

    @property
    def redis(self) -> Path:
        return self.root / "redis"

    @property
    def cache(self) -> Path:
        """The predictor's copy of the artifact that it served last."""
        return self.root / "cache"

    @property
    def data(self) -> Path:
        """Files of the ConfigMap that stands beside the model."""
        return self.root / "data"

    @property
    def credentials(self) -> Path:
        """Files of the Secret that stands beside the model."""
        return self.root / "credentials"

    @property
    def order(self) -> Path:
        return self.root / "training.json"

    @property
    def termination_log(self) -> Path:
        """The last error of the running or last run."""
        return self.root / "termination-log"

    @property
    def trainer_log(self) -> Path:
        return self.root / "trainer.log"

    @property
    def predictor_log(self) -> Path:
        return self.root / "predictor.log"

    @property
    def running(self) -> Path:
        """What the run at work tells the commands that come beside it."""
        return self.root / "running.json"

    @property
    def asked(self) -> Path:
        """Which run a person's request led to."""
        return self.root / "asked.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the directory and hold it alone.

        Raises:
            DirectoryInUse: Another process holds it.
            UserError: It cannot be made or written to.
        """
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            TemporaryFile(dir=self.root).close()  # a lock of before says nothing of writing now
            lock = (self.root / "lock").open("a+")
        except OSError as error:
            raise UserError(f"{self.root}: {error.strerror}; name another --directory") from None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DirectoryInUse(
                    f"{self.root}: another perennial run uses it; end that one, or give this one"
                    " its own --directory"
                ) from None
            yield
