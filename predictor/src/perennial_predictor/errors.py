"""How an error is answered: as the protocol of its path has it."""

from __future__ import annotations

import msgspec
from starlette.types import Scope

from perennial_predictor.http_answer import Answer
from perennial_predictor.problems import Problem
from perennial_predictor.served import SERVED, ServedVersion
from perennial_predictor.v2.messages import ErrorMessage
from perennial_predictor.v2.paths import is_of_protocol


def error_answer(problem: Problem, scope: Scope) -> Answer:
    """Return the answer to a request that cannot be answered."""
    if is_of_protocol(scope["path"]):
        body = msgspec.json.encode(ErrorMessage(problem.detail))
        return Answer(body, problem.status, headers=problem.headers)
    served: ServedVersion | None = scope[SERVED]
    return problem.answer(served.manifest if served else None)
