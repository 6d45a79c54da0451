"""How an error is answered: as the protocol of its path has it."""

from __future__ import annotations

import msgspec
from starlette.responses import Response
from starlette.types import Scope

from perennial_predictor.problems import Problem
from perennial_predictor.served import SERVED, ServedVersion
from perennial_predictor.v2.messages import ErrorMessage
from perennial_predictor.v2.paths import is_of_protocol

_JSON = "application/json"


def error_response(problem: Problem, scope: Scope) -> Response:
    """Return the answer to a request that cannot be answered."""
    if is_of_protocol(scope["path"]):
        body = msgspec.json.encode(ErrorMessage(problem.detail))
        return Response(body, problem.status, problem.headers, _JSON)
    served: ServedVersion | None = scope[SERVED]
    return problem.response(served.manifest if served else None)
