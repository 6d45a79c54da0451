"""Commands that a text tells people to type next: they run as they stand."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from urllib.parse import urlsplit

REDIS_URL_VARIABLE = "PERENNIAL_REDIS_URL"


def next_command(*words: str) -> str:
    """Return a command line of this program: ``kubectl perennial`` for who came by kubectl."""
    by_kubectl = Path(sys.argv[0]).name.startswith("kubectl-")
    return f"{'kubectl ' if by_kubectl else ''}perennial {shlex.join(words)}"


def local_options(directory: Path | None, redis_url: str | None) -> tuple[str, ...]:
    """Return the options of a local run that are to be given again.

    Args:
        directory: That of ``--directory``.
        redis_url: That of ``--redis-url``; one with a password is not shown.
    """
    given = () if directory is None else ("--directory", str(directory))
    if redis_url is None or redis_url == os.environ.get(REDIS_URL_VARIABLE):
        return given
    return (*given, "--redis-url", "..." if urlsplit(redis_url).password else redis_url)
