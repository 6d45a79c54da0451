"""What is answered on each path."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import msgspec

from perennial_core.settings import PredictorSettings
from perennial_predictor import metrics, problems
from perennial_predictor.answers import Health, how_to_ask
from perennial_predictor.drain import Drain
from perennial_predictor.follow import Follower
from perennial_predictor.http_answer import Answer
from perennial_predictor.http_request import Request, json_body, prefers_html
from perennial_predictor.instances import QUERY_NAME
from perennial_predictor.prediction import PredictionAnswer
from perennial_predictor.problems import Problem
from perennial_predictor.served import SERVED, ServedVersion

if TYPE_CHECKING:
    from perennial_predictor.mirror import Mirror

_INDEX_HEADERS = [(b"cache-control", b"no-store"), (b"vary", b"Accept")]


class Endpoints:
    """Answers requests. A Problem that is raised here becomes a problem document."""

    def __init__(
        self,
        model: str,
        settings: PredictorSettings,
        follower: Follower,
        measurements: metrics.Metrics,
        drain: Drain,
        mirror: Mirror | None = None,
    ) -> None:
        self._model = model
        self._settings = settings
        self._follower = follower
        self._metrics = measurements
        self._drain = drain
        self._mirror = mirror

    async def predict(self, request: Request) -> Answer:
        served = self.served(request)
        body = await json_body(request.scope, request.receive, self._settings.max_body_bytes)
        answer = await served.answer_body(body)
        return Answer(answer, after=self._copied(request, body, answer))

    async def index(self, request: Request) -> Answer:
        if prefers_html(request.scope):
            return await self._page(request)
        served = self.served(request)
        answer = await _answer_to_query(served, request)
        body = msgspec.json.encode(answer or how_to_ask(served.manifest))
        copied = self._copied(request, b"", body) if answer else None
        return Answer(body, headers=_INDEX_HEADERS, after=copied)

    async def _page(self, request: Request) -> Answer:
        from perennial_predictor import page  # takes time, and only people need it

        answer, problem = None, None
        try:
            answer = await _answer_to_query(self.served(request), request)
        except Problem as raised:
            problem = raised
        served: ServedVersion | None = request.scope[SERVED]
        html = page.page(
            model=self._model,
            manifest=served.manifest if served else None,
            values=_form_values(served, request),
            answer=answer,
            problem=str(problem) if problem else None,
        )
        status = problem.status if problem else HTTPStatus.OK
        headers = [*page.HEADERS, *(problem.headers if problem else ())]
        return Answer(html.encode(), status, page.MEDIA_TYPE, headers)

    async def healthz(self, request: Request) -> Answer:
        served: ServedVersion | None = request.scope[SERVED]
        version = served.manifest.version if served else None
        return Answer(msgspec.json.encode(Health("ok", self._model, version)))

    async def readyz(self, _: Request) -> Answer:
        readiness = self._follower.readiness(draining=self._drain.under_way)
        status = HTTPStatus.OK if readiness.ready else HTTPStatus.SERVICE_UNAVAILABLE
        return Answer(msgspec.json.encode(readiness), status)

    async def metrics(self, _: Request) -> Answer:
        return Answer(await self._metrics.exposition(), media_type=metrics.MEDIA_TYPE)

    def _copied(self, request: Request, body: bytes, answer: bytes) -> Callable[[], None] | None:
        """Return what gives the shadow its copy once the client has its answer."""
        if self._mirror is None:
            return None
        task = self.served(request).manifest.task
        return self._mirror.after(request.scope, body, answer, task)

    def is_ready(self) -> bool:
        """Return whether a version can be asked that should serve."""
        return self._follower.readiness(draining=self._drain.under_way).ready

    def served(self, request: Request) -> ServedVersion:
        """Return the version that answers a request.

        Raises:
            Problem: There is none yet.
        """
        served: ServedVersion | None = request.scope[SERVED]
        if served is None:
            reason = self._follower.readiness(draining=self._drain.under_way).reason
            raise problems.unavailable(f"{self._model}: {reason}")
        return served


async def _answer_to_query(served: ServedVersion, request: Request) -> PredictionAnswer | None:
    query: bytes = request.scope["query_string"]
    return await served.answer_query(query) if query else None


def _form_values(served: ServedVersion | None, request: Request) -> dict[str, str]:
    """Return what the form's fields should hold: what was asked."""
    query: bytes = request.scope["query_string"]
    values = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    if served is not None and len(served.manifest.inputs) == 1 and QUERY_NAME in values:
        values.setdefault(served.manifest.inputs[0].name, values[QUERY_NAME])
    return values
