"""What can go wrong with the registry."""

from perennial_core.errors import Outage, UserError


class RegistryUnavailable(Outage):
    """Redis does not answer, or not yet: loading, failing over, out of connections."""


class RegistryRefused(UserError):
    """Redis answers, and refuses: wrong password, missing permission, wrong type of a key."""


class ArtifactTooLarge(UserError):
    """The artifact is over the size limit."""


class VersionNotFound(UserError):
    """The registry does not retain this version."""


class NotApproved(UserError):
    """Only an approved version may serve."""


class ArtifactCorrupt(UserError):
    """The stored bytes are not those that the digest names."""
