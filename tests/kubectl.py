"""Drives kubectl and helm as a user does, and waits for what should come."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

Body = dict[str, Any]
Seen = TypeVar("Seen")
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


class CommandFailed(AssertionError):
    """A command failed; the text holds what it printed."""


def run(*command: str, stdin: str | None = None, seconds: float = 120) -> str:
    """Run a command and return what it printed.

    Raises:
        CommandFailed: It ended with another code than 0.
    """
    done = subprocess.run(
        command, input=stdin, text=True, capture_output=True, timeout=seconds, check=False
    )
    if done.returncode:
        raise CommandFailed(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


def kubectl(*arguments: str, stdin: str | None = None, seconds: float = 120) -> str:
    return run("kubectl", *arguments, stdin=stdin, seconds=seconds)


def apply(*bodies: Body, namespace: str) -> None:
    """Apply objects, as ``kubectl apply`` does."""
    bundle = {"apiVersion": "v1", "kind": "List", "items": bodies}
    kubectl("apply", "-n", namespace, "-f", "-", stdin=json.dumps(bundle))


def get(kind: str, name: str, namespace: str) -> Body:
    """Return one object."""
    body: Body = json.loads(kubectl("get", kind, name, "-n", namespace, "-o", "json"))
    return body


def items(kind: str, namespace: str, selector: str = "") -> list[Body]:
    """Return all objects of a kind in a namespace."""
    answer = kubectl("get", kind, "-n", namespace, "-l", selector, "-o", "json")
    found: list[Body] = json.loads(answer)["items"]
    return found


def condition(model: Body, kind: str) -> Body:
    """Return one of a model's conditions; empty when it has none yet."""
    found = model.get("status", {}).get("conditions", [])
    return next((item for item in found if item["type"] == kind), {})


def until(
    look: Callable[[], Seen], is_so: Callable[[Seen], object], what: str, seconds: float = 180
) -> Seen:
    """Look again and again until it is so, and return what was seen.

    Raises:
        AssertionError: It was not so in time; the text holds what was seen last.
    """
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if is_so(seen):
            return seen
        if time.monotonic() > deadline:
            shown = json.dumps(seen, indent=1, default=str)
            raise AssertionError(f"not within {seconds:g} s: {what}; last seen: {shown[-3000:]}")
        time.sleep(0.5)


@contextmanager
def port_forward(resource: str, port: int, namespace: str) -> Iterator[str]:
    """Forward a local port to a pod behind the resource; yields host:port."""
    command = ["kubectl", "port-forward", "-n", namespace, resource, f":{port}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"127\.0\.0\.1:(\d+)", line)
        if found is None:
            process.terminate()
            raise CommandFailed(f"{' '.join(command)}: {line}{process.communicate()[1]}")
        yield f"127.0.0.1:{found.group(1)}"
    finally:
        process.terminate()
        process.communicate()
