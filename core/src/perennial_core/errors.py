"""The two families of failure: what only a user can repair, and what passes by itself."""


class PerennialError(Exception):
    """Base of every error that Perennial raises on purpose; its text is written for the user."""


class UserError(PerennialError):
    """Only the user can repair it: trying again without a change of spec or data is useless."""


class Outage(PerennialError):
    """It passes by itself: try again later, with back-off."""
