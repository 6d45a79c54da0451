"""The two families of failure: what only a user can repair, and what passes by itself."""


def shortened(text: str, limit: int = 1000) -> str:
    """Return a text of at most ``limit`` characters: its begin, and its end with what to do."""
    if len(text) <= limit:
        return text
    tail = limit // 4
    return f"{text[: limit - tail - 3]} … {text[-tail:]}"


def brief(error: Exception, limit: int = 500) -> str:
    """Return a library's error on one line of bounded length."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= limit else text[: limit - 1] + "…"


class PerennialError(Exception):
    """Base of every error that Perennial raises on purpose; its text is written for the user."""


class UserError(PerennialError):
    """Only the user can repair it: trying again without a change of spec or data is useless."""


class Outage(PerennialError):
    """It passes by itself: try again later, with back-off."""
