"""Runs in a pod: asks for predictions over keep-alive connections until told to stop.

    python load_client.py HOST PORT CONNECTIONS SECONDS

It ends when /tmp/stop exists, or after so many seconds, and prints a JSON object: how many requests
were answered, by version, and what failed. Nothing is tried again: a failure is a failure.
"""

from __future__ import annotations

import collections
import http.client
import json
import os
import sys
import threading
import time

PAUSE_SECONDS = 0.04
STOP_FILE = "/tmp/stop"


def main() -> None:
    host, port, connections, seconds = sys.argv[1], *map(int, sys.argv[2:5])
    answered: collections.Counter[int] = collections.Counter()
    failures: list[str] = []
    deadline = time.monotonic() + seconds

    def client() -> None:
        connection = http.client.HTTPConnection(host, port, timeout=10)
        while time.monotonic() < deadline and not os.path.exists(STOP_FILE):
            try:
                connection.request("GET", "/?msg=100")
                response = connection.getresponse()
                body = response.read()
                if response.status == 200:
                    answered[json.loads(body)["version"]] += 1
                else:
                    failures.append(f"{time.time():.2f} {response.status} {body[:200]!r}")
            except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
                failures.append(f"{time.time():.2f} {error!r}")
                connection.close()
            time.sleep(PAUSE_SECONDS)

    threads = [threading.Thread(target=client) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"answered": answered, "failures": failures}))


main()
