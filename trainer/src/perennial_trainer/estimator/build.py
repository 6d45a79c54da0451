"""Builds the estimator that the spec describes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from perennial_core.errors import brief
from perennial_core.manifest import Task
from perennial_core.resource import EstimatorSpec
from perennial_trainer.estimator.classes import find_class
from perennial_trainer.estimator.composition import (
    check_step_names,
    check_transformers,
    check_transforms,
)
from perennial_trainer.estimator.parameter_values import check_values
from perennial_trainer.failure import SpecError

_FIELD = "spec.training.estimator"
_TASKS = {"regressor": Task.REGRESSION, "classifier": Task.CLASSIFICATION}


def build_estimator(spec: EstimatorSpec, allowed_modules: Sequence[str]) -> Any:
    """Return the unfitted estimator, without the default preprocessing.

    Raises:
        SpecError: A class is not allowed or unknown, or a parameter is, or has a value that it
            cannot have, or steps do not go together; the text names the field.
    """
    builder = _Builder(tuple(allowed_modules))
    if spec.steps is None:
        return builder.instance(str(spec.class_), spec.params or {}, _FIELD)
    from sklearn.pipeline import Pipeline

    check_step_names([step.name for step in spec.steps], Pipeline, f"{_FIELD}.steps")
    steps = [
        (step.name, builder.instance(step.class_, step.params, f"{_FIELD}.steps[{step.name}]"))
        for step in spec.steps
    ]
    check_transforms(steps[:-1], f"{_FIELD}.steps")
    return Pipeline(steps)


def task_of(estimator: Any, spec: EstimatorSpec) -> Task:
    """Return what an estimator predicts.

    Raises:
        SpecError: It is neither a regressor nor a classifier, or predicts several targets only.
    """
    from sklearn.utils import get_tags

    try:
        tags = get_tags(estimator)
    except (AttributeError, TypeError, ValueError) as error:
        raise SpecError(f"{_FIELD}: {name_of(spec)} is not complete: {brief(error)}") from error
    if tags.estimator_type not in _TASKS:
        raise SpecError(f"{_FIELD}: {name_of(spec)} is neither a regressor nor a classifier")
    if not tags.target_tags.single_output:
        raise SpecError(f"{_FIELD}: {name_of(spec)} predicts several targets; a model has one")
    return _TASKS[tags.estimator_type]


def name_of(spec: EstimatorSpec) -> str:
    """Return the name of the class that predicts."""
    return spec.class_ or (spec.steps or [])[-1].class_


@dataclass(frozen=True)
class _Builder:
    allowed_modules: tuple[str, ...]

    def instance(self, path: str, params: Mapping[str, Any], field: str) -> Any:
        """Return an object of a class with the given parameters."""
        found = find_class(path, self.allowed_modules, f"{field}.class")
        _check_names(found, params, field)
        arguments = {
            name: _as_tuple(found, name, self._value(value, f"{field}.params.{name}"))
            for name, value in params.items()
        }
        try:
            made = found(**arguments)
        except (TypeError, ValueError) as error:
            raise SpecError(f"{field}: {path} cannot be made: {brief(error)}") from error
        check_values(made, params, field)
        if found.__name__ == "ColumnTransformer" and found.__module__.startswith("sklearn."):
            check_transformers(arguments["transformers"], f"{field}.params.transformers")
        return made

    def _value(self, value: Any, field: str) -> Any:
        """Return a parameter's value, with what is written as a class made an object."""
        if is_object(value):
            return self.instance(value["class"], value.get("params") or {}, field)
        if isinstance(value, dict):
            return {key: self._value(item, f"{field}.{key}") for key, item in value.items()}
        if not isinstance(value, list):
            return value
        items = [self._value(item, f"{field}[{i}]") for i, item in enumerate(value)]
        # YAML has no tuples; scikit-learn's lists of named objects hold tuples.
        return tuple(items) if _is_named_object(value) else items


def is_object(value: Any) -> bool:
    """Return whether a parameter's value is written as an object: {class: ..., params: {...}}."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("class"), str)
        and set(value) <= {"class", "params"}
        and isinstance(value.get("params") or {}, dict)
    )


def _is_named_object(value: list[Any]) -> bool:
    """Return whether a list is like [name, object] or, in a ColumnTransformer, with columns."""
    return (
        len(value) in (2, 3)
        and isinstance(value[0], str)
        and (is_object(value[1]) or (len(value) == 3 and isinstance(value[1], str)))
    )


def _check_names(found: type, params: Mapping[str, Any], field: str) -> None:
    known, takes_any = _parameters(found)
    unknown = sorted(set(params) - set(known))
    if unknown and not takes_any:
        raise SpecError(
            f"{field}.params: {found.__name__} has no {', '.join(map(repr, unknown))};"
            f" it has: {', '.join(known) or 'no parameters'}"
        )


def _parameters(found: type) -> tuple[list[str], bool]:
    """Return the names of a class's parameters, and whether it takes others too."""
    try:
        parameters = inspect.signature(found).parameters.values()
    except ValueError:
        return [], True  # written in C without a signature: the constructor itself will tell
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return named, any(p.kind is p.VAR_KEYWORD for p in parameters)


def _as_tuple(found: type, name: str, value: Any) -> Any:
    """Return a list as a tuple where scikit-learn's own declaration takes only that."""
    allowed = getattr(found, "_parameter_constraints", {}).get(name)
    if not isinstance(value, list) or not isinstance(allowed, list):
        return value
    takes_list = any(kind is list or kind == "array-like" for kind in allowed)
    return tuple(value) if tuple in allowed and not takes_list else value
