"""Runs in a pod: asks for predictions over keep-alive connections until told to stop.

    python load_client.py HOST PORT CONNECTIONS SECONDS PATH REQUESTS_PER_CONNECTION

A connection is made anew after so many requests; 0: never. It ends when /tmp/stop exists, or after
so many seconds, and prints a JSON object: how many requests were answered, by version, and what
failed. From the first predictor on that is reached nothing is tried again: a failure is a failure.
"""

from __future__ import annotations

import collections
import contextlib
import http
import http.client
import json
import os
import sys
import threading
import time

PAUSE_SECONDS = 0.04
STOP_FILE = "/tmp/stop"


def wait_until_reachable(host: str, port: int) -> None:
    """Wait for a predictor: nodes learn of a pod a moment after it is ready.

    Until then nobody takes the connection, or somebody beyond the cluster does, where packets to an
    address that the node does not know leave it.
    """
    for _ in range(100):
        connection = http.client.HTTPConnection(host, port, timeout=10)
        with contextlib.suppress(ConnectionRefusedError):
            connection.request("GET", "/healthz")
            if connection.getresponse().status == http.HTTPStatus.OK:
                return
        connection.close()
        time.sleep(0.1)


def main() -> None:
    host, path, per_connection = sys.argv[1], sys.argv[5], int(sys.argv[6])
    port, connections, seconds = map(int, sys.argv[2:5])
    answered: collections.Counter[int] = collections.Counter()
    failures: list[str] = []
    deadline = time.monotonic() + seconds

    def client() -> None:
        connection, asked = http.client.HTTPConnection(host, port, timeout=10), 0
        while time.monotonic() < deadline and not os.path.exists(STOP_FILE):
            try:
                connection.request("GET", path)
                response = connection.getresponse()
                body = response.read()
                if response.status == 200:
                    answered[json.loads(body)["version"]] += 1
                else:
                    version = response.headers.get("X-Model-Version")
                    text = f"{response.status} from version {version} {body[:200]!r}"
                    failures.append(f"{time.time():.2f} {text}")
            except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
                failures.append(f"{time.time():.2f} {error!r}")
                connection.close()
            asked += 1
            if per_connection and asked % per_connection == 0:
                connection.close()
            time.sleep(PAUSE_SECONDS)

    wait_until_reachable(host, port)
    threads = [threading.Thread(target=client) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"answered": answered, "failures": failures}))


main()
