"""The default preprocessing: what an estimator given by its class alone needs for this data.

It becomes part of the artifact, so predictions take the columns as they are in the data:

- missing numbers are replaced by the column's median, where the estimator cannot take them;
- texts are encoded one-hot; missing text is a category of its own, unknown text is none of them;
- bools are the numbers 0 and 1; nothing is scaled.

A column without missing values in the training data must not miss one at prediction either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from perennial_core.manifest import Column, ColumnType
from perennial_trainer.data.columns import Array, is_comma_number
from perennial_trainer.data.dataset import Dataset
from perennial_trainer.failure import DataError

MOST_CATEGORIES = 1000
_MOSTLY_NUMBERS = 0.9


def with_preprocessing(
    estimator: Any, dataset: Dataset, texts: Mapping[str, Sequence[str]] | None = None
) -> Any:
    """Return the estimator with what it needs in front of it; alone when it needs nothing.

    Args:
        estimator: As the spec describes it.
        dataset: The rows.
        texts: The different texts of each column; by default those of the rows, which may be only
            some of all.

    Raises:
        DataError: A column of text has too many values to be categories, or is of numbers but for
            some values, or but for commas.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder
    from sklearn.utils import get_tags

    tags = get_tags(estimator).input_tags
    imputes = _misses_numbers(dataset.inputs) and not tags.allow_nan
    imputer = SimpleImputer(strategy="median") if imputes else "passthrough"
    text_columns = [column.name for column in dataset.inputs if _is_text(column)]
    if not text_columns:
        return Pipeline([("impute", imputer), ("predict", estimator)]) if imputes else estimator
    for name in text_columns:
        _check_categories(dataset, name, texts)
    categories = "auto" if texts is None else [_categories(dataset, n, texts) for n in text_columns]
    other_columns = [column.name for column in dataset.inputs if not _is_text(column)]
    encode = ColumnTransformer(
        [
            ("numbers", imputer, other_columns),
            ("texts", OneHotEncoder(categories=categories, handle_unknown="ignore"), text_columns),
        ],
        sparse_threshold=0.3 if tags.sparse else 0.0,
    )
    return Pipeline([("encode", encode), ("predict", estimator)])


def _is_text(column: Column) -> bool:
    return column.type is ColumnType.STRING


def _misses_numbers(inputs: tuple[Column, ...]) -> bool:
    return any(column.nullable and not _is_text(column) for column in inputs)


def _categories(dataset: Dataset, name: str, texts: Mapping[str, Sequence[str]]) -> Array:
    """Return the categories of a column; missing text is one where some is missing."""
    nullable = next(column.nullable for column in dataset.inputs if column.name == name)
    return np.array([*sorted(texts[name]), *([np.nan] if nullable else [])], dtype=object)


def _check_categories(
    dataset: Dataset, name: str, texts: Mapping[str, Sequence[str]] | None
) -> None:
    values = dataset.features[name].dropna().unique() if texts is None else texts[name]
    categories = pd.Series(values, dtype=object)
    numeric = pd.to_numeric(categories, errors="coerce").notna()
    if _MOSTLY_NUMBERS <= numeric.mean() < 1:
        odd = categories[~numeric].iloc[0]
        place = _place(dataset, name, odd) if texts is None else dataset.name
        raise DataError(
            f"{place}: column {name!r} holds {odd!r}, but numbers elsewhere;"
            " correct that, or give a pipeline in spec.training.estimator.steps if these are names"
            " of categories"
        )
    _refuse_comma_numbers(dataset, name, categories[:MOST_CATEGORIES])
    if len(categories) > MOST_CATEGORIES:
        more = "" if texts is None else " or more"
        raise DataError(
            f"{dataset.name}: column {name!r} holds {len(categories)} different texts{more}, too"
            f" many for categories ({MOST_CATEGORIES}); list the columns to use in"
            " spec.training.data.features, or give a pipeline in spec.training.estimator.steps"
        )


def _refuse_comma_numbers(dataset: Dataset, name: str, categories: pd.Series) -> None:
    with_comma = categories[categories.map(is_comma_number).astype(bool)]
    plain = pd.to_numeric(categories, errors="coerce").count()
    if len(with_comma) and len(with_comma) + plain >= _MOSTLY_NUMBERS * len(categories):
        raise DataError(
            f"{dataset.name}: column {name!r} holds numbers with commas, such as"
            f" {with_comma.iloc[0]!r}; write them without, with a point before decimals, or give a"
            " pipeline in spec.training.estimator.steps if these are names of categories"
        )


def _place(dataset: Dataset, name: str, value: str) -> str:
    """Return where a value stands first."""
    return dataset.source.place(int((dataset.features[name] == value).to_numpy().argmax()))
