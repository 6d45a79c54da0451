"""``spec.training.data``: where the rows come from and what they mean."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from perennial_core.resource.base import VALIDATIONS, Fraction, ObjectName, Part, rule
from perennial_core.resource.gate import Number
from perennial_core.validation import Matching, repeated

DATA_MOUNT = "/data"
"""Where ``volume`` is mounted in the trainer's container."""


class DataFormat(StrEnum):
    CSV = "csv"
    PARQUET = "parquet"
    JSON_LINES = "jsonl"


class HoldoutStrategy(StrEnum):
    RANDOM = "Random"
    LAST = "Last"


class PersistentVolumeClaimSource(Part):
    """A PersistentVolumeClaim in the model's namespace."""

    claim_name: ObjectName


class ConfigMapSource(Part):
    """A ConfigMap in the model's namespace; each key becomes a file."""

    name: ObjectName


class DataVolume(Part):
    """A volume with the data, mounted read-only at /data."""

    model_config = ConfigDict(
        json_schema_extra={
            VALIDATIONS: [
                rule(
                    "has(self.persistentVolumeClaim) != has(self.configMap)",
                    "volume: give exactly one of persistentVolumeClaim and configMap",
                )
            ]
        }
    )

    persistent_volume_claim: PersistentVolumeClaimSource | None = None
    config_map: ConfigMapSource | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.persistent_volume_claim is None) == (self.config_map is None):
            raise ValueError("give exactly one of persistentVolumeClaim and configMap")
        return self


class Holdout(Part):
    """The rows kept from training, on which versions are measured."""

    fraction: Fraction = "0.2"
    """Share of the rows, between 0 and 1, as a decimal string."""
    strategy: HoldoutStrategy = HoldoutStrategy.RANDOM
    """Random draws the rows (stratified by class for classifiers); those that were drawn stay so
    where data grows at its end. Last takes the end of the data, for data in time order or that
    loses old rows."""
    seed: Annotated[int, Field(ge=0, le=4294967295)] = 0
    """Seed of the random draw."""


ColumnName = Annotated[str, StringConstraints(min_length=1, max_length=253)]


Share = Annotated[
    str,
    Matching(
        r"^(0(\.[0-9]{1,15})?|1(\.0{1,15})?)$",
        'a number from 0 to 1, such as "0.05"',
        max_length=17,
    ),
]
"""A decimal number from 0 to 1, both included, written as a string."""


class ColumnCheck(Part):
    """What has to hold of a column, which has to be there in any case."""

    model_config = ConfigDict(
        json_schema_extra={
            VALIDATIONS: [
                rule(
                    "!has(self.min) || !has(self.max) || double(self.min) <= double(self.max)",
                    "checks: min must not be above max",
                )
            ]
        }
    )

    name: ColumnName
    """A column of the data, be it a feature or not."""
    min: Number | None = None
    """The least value that is right."""
    max: Number | None = None
    """The greatest value that is right."""
    max_null_share: Share | None = None
    """How large a share of the rows may have no value, from 0 to 1, as a decimal string."""

    @model_validator(mode="after")
    def _min_is_not_above_max(self) -> Self:
        if self.min is not None and self.max is not None and float(self.min) > float(self.max):
            raise ValueError("min must not be above max")
        return self


class Checks(Part):
    """What has to hold of the data before a model is trained on it."""

    model_config = ConfigDict(
        json_schema_extra={
            VALIDATIONS: [
                rule(
                    "!has(self.minRows) || !has(self.maxRows) || self.minRows <= self.maxRows",
                    "checks: minRows must not be above maxRows",
                )
            ]
        }
    )

    min_rows: Annotated[int, Field(ge=1)] | None = None
    max_rows: Annotated[int, Field(ge=1)] | None = None
    columns: Annotated[
        list[ColumnCheck],
        Field(
            max_length=256,
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
            },
        ),
    ] = []
    """Columns that have to be there, and bounds of their values."""

    @model_validator(mode="after")
    def _columns_are_named_once(self) -> Self:
        if (twice := repeated(column.name for column in self.columns)) is not None:
            raise ValueError(f"columns: {twice!r} stands there twice")
        return self

    @model_validator(mode="after")
    def _min_is_not_above_max(self) -> Self:
        if self.min_rows and self.max_rows and self.min_rows > self.max_rows:
            raise ValueError("minRows must not be above maxRows")
        return self


class DataSpec(Part):
    """The training data."""

    model_config = ConfigDict(
        json_schema_extra={
            VALIDATIONS: [
                rule(
                    "!has(self.features) || !(self.target in self.features)",
                    "features: must not contain the target column",
                ),
                rule(
                    "!self.uri.startsWith('file:') || has(self.volume)",
                    "volume: a file: uri needs the volume that holds the file, mounted at /data",
                ),
                rule(
                    "!has(self.volume) || self.uri.startsWith('file:')",
                    "volume: only a file: uri reads from a volume",
                ),
                rule(
                    "!has(self.credentialsSecret) || self.uri.startsWith('http')",
                    "credentialsSecret: only http: and https: uris take credentials",
                ),
                rule(
                    "!has(self.delimiter) || !has(self.format) || self.format == 'csv'",
                    "delimiter: only the csv format has one",
                ),
            ]
        }
    )

    uri: Annotated[
        str,
        Matching(
            r"^(file:///|https?://|sample://).+$",
            "an address that begins with file:///, https://, http:// or sample://",
            max_length=2048,
        ),
    ]
    """file:///data/points.csv (one file, a folder of them or a pattern with *), https://...,
    or sample://linear?rows=1000&noise=1&seed=0 (generated; without a seed new rows at each run)."""
    format: DataFormat | None = None
    """csv, parquet or jsonl (JSON lines); by default from the suffix."""
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] | None = None
    """What separates the columns of a CSV file; by default a comma, for .tsv a tab."""
    volume: DataVolume | None = None
    credentials_secret: ObjectName | None = None
    """A Secret in the model's namespace for https: with `token` (sent as Bearer), or `username` and
    `password`."""
    target: ColumnName
    """The column to predict."""
    features: (
        Annotated[
            list[ColumnName],
            Field(
                min_length=1, max_length=4096, json_schema_extra={"x-kubernetes-list-type": "set"}
            ),
        ]
        | None
    ) = None
    """The columns to predict from; by default every column but the target."""
    holdout: Holdout = Holdout()
    checks: Checks = Checks()
    """What has to hold of all the rows; a run on data that fails it fails, and trains nothing."""
    skip_unchanged: bool = True
    """End a run early, without a new version, when neither data nor training spec changed."""

    @model_validator(mode="after")
    def _target_is_no_feature(self) -> Self:
        if self.features is not None and self.target in self.features:
            raise ValueError(f"features: must not contain the target column {self.target!r}")
        return self

    @model_validator(mode="after")
    def _features_are_named_once(self) -> Self:
        if (twice := repeated(self.features or ())) is not None:
            raise ValueError(f"features: {twice!r} stands there twice")
        return self

    @model_validator(mode="after")
    def _parts_suit_the_uri(self) -> Self:
        if self.volume is not None and not self.uri.startswith("file:"):
            raise ValueError("volume: only a file: uri reads from a volume")
        if self.credentials_secret is not None and not self.uri.startswith("http"):
            raise ValueError("credentialsSecret: only http: and https: uris take credentials")
        if self.delimiter is not None and self.format not in (None, DataFormat.CSV):
            raise ValueError("delimiter: only the csv format has one")
        return self
