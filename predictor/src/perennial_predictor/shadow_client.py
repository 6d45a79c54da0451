"""Asks the shadow over HTTP. Imported only where there is one."""

from __future__ import annotations

import aiohttp
from yarl import URL

from perennial_predictor.mirror import MARK, Copy, ShadowAnswer, ShadowAway, ShadowFailed

_ANSWER_SECONDS = 10.0
_CONNECT_SECONDS = 1.0


class ShadowClient:
    """Connections to the shadow.

    Args:
        url: Scheme, host and port.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Content-Type": "application/json", MARK.decode(): "copy"}
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=_ANSWER_SECONDS, sock_connect=_CONNECT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def ask(self, copy: Copy) -> ShadowAnswer:
        """Send a copy.

        Raises:
            ShadowAway: Nothing listens.
            ShadowFailed: There is no answer with predictions.
        """
        try:
            async with self._session.request(
                copy.method,
                URL(self._url + copy.target, encoded=True),
                data=copy.body or None,
                headers=self._headers,
                allow_redirects=False,
            ) as response:
                version = response.headers.get("X-Model-Version", "")
                if response.status != 200:
                    raise ShadowFailed(f"the shadow answers {response.status}", version)
                return ShadowAnswer(version, await response.read())
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise ShadowAway(str(error)) from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ShadowFailed(str(error)) from None

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()
