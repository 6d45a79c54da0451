"""Waits until a model of y = 2x + 3 predicts; run by `helm test` with the URL for x = 100."""

import json
import sys
import time
import urllib.request

EXPECTED, TOLERANCE, SECONDS = 203.0, 3.0, 240


def predict(url: str) -> float:
    with urllib.request.urlopen(url, timeout=5) as response:
        return float(json.load(response)["prediction"])


def main(url: str) -> int:
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            prediction = predict(url)
            break
        except OSError as error:  # not trained, or not ready yet
            if time.monotonic() > deadline:
                print(f"{url}: no prediction within {SECONDS} s: {error}")
                return 1
            time.sleep(2)
    good = abs(prediction - EXPECTED) <= TOLERANCE
    print(f"{url}: {prediction}, expected {EXPECTED} +- {TOLERANCE}")
    return 0 if good else 1


sys.exit(main(sys.argv[1]))
