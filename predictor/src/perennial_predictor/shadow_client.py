"""Asks the shadow over HTTP. Imported only where there is one."""

from __future__ import annotations

import aiohttp
from yarl import URL

from perennial_predictor.mirror import MARK, Copy, ShadowAnswer, ShadowAway, ShadowFailed
from perennial_predictor.v2.body import JSON_SIZE

_ANSWER_SECONDS = 10.0
_CONNECT_SECONDS = 1.0


class ShadowClient:
    """Connections to the shadow.

    Args:
        url: Scheme, host and port.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._session = _new_session()

    async def ask(self, copy: Copy) -> ShadowAnswer:
        """Send a copy.

        Raises:
            ShadowAway: Nothing listens, or what does is no predictor with a version.
            ShadowFailed: There is no answer with predictions.
        """
        session = self._session
        try:
            async with session.request(
                copy.method,
                URL(self._url + copy.target, encoded=True),
                data=copy.body or None,
                headers=_headers(copy),
                allow_redirects=False,
            ) as response:
                version = response.headers.get("X-Model-Version", "")
                if response.status == 200 and version:
                    return ShadowAnswer(version, await response.read())
                if version:
                    raise ShadowFailed(f"the shadow answers {response.status}", version)
                status = response.status
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise ShadowAway(str(error)) from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ShadowFailed(str(error)) from None

        await self._connect_anew(session)
        raise ShadowAway(f"what answers is no predictor with a version: {status}")

    async def _connect_anew(self, used: aiohttp.ClientSession) -> None:
        """Leave a server that is not the shadow: its name may be the shadow's in a moment."""
        if used is self._session:
            self._session = _new_session()
            await used.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()


def _headers(copy: Copy) -> dict[str, str]:
    if copy.json_size is None:
        return {"Content-Type": "application/json", MARK.decode(): "copy"}
    size = {JSON_SIZE: str(copy.json_size)}
    return {"Content-Type": "application/octet-stream", MARK.decode(): "copy", **size}


def _new_session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=_ANSWER_SECONDS, sock_connect=_CONNECT_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
    )
