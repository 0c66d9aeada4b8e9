"""Objects as Kubernetes' ``Table`` and ``PartialObjectMetadata``, which clients print without knowing the kind."""

from datetime import datetime
from typing import Any

from dnsguard.api.reading.representation import Form, Representation
from dnsguard.resources import Kind
from dnsguard.resources.columns import NAME, Column, age_column, cell_text, own_columns
from dnsguard.store.interface import Object


class Shown:
    """Objects of one kind in one representation, at one time."""

    def __init__(self, kind: Kind, how: Representation, now: datetime) -> None:
        self._kind = kind
        self._how = how
        self._columns = (NAME, *own_columns(kind), age_column(now))  # labels: `kubectl --show-labels` makes its own

    def one(self, value: Object) -> Any:
        """An object by itself: the answer to a get, or what an event of a watch is about."""
        if self._how.form is not Form.TABLE:
            return self.item(value)
        version = value["metadata"].get("resourceVersion", "")
        return {**self.head({"resourceVersion": version}), "rows": [self.item(value)]}

    def item(self, value: Object) -> Any:
        """An object in a list."""
        match self._how.form:
            case Form.WHOLE:
                return value
            case Form.METADATA:
                return self._metadata(value)
            case Form.TABLE:
                return self._row(value)

    @property
    def is_whole(self) -> bool:
        """Whether objects are shown as they are."""
        return self._how.form is Form.WHOLE

    def head(self, metadata: Object) -> Object:
        """A list without its items, which come last, under ``items_field``."""
        match self._how.form:
            case Form.WHOLE:
                return {"apiVersion": self._kind.api_version, "kind": f"{self._kind.kind}List", "metadata": metadata}
            case Form.METADATA:
                name = "PartialObjectMetadataList"
                return {"apiVersion": self._how.api_version, "kind": name, "metadata": metadata}
            case Form.TABLE:
                head = {"apiVersion": self._how.api_version, "kind": "Table", "metadata": metadata}
                return {**head, "columnDefinitions": [_definition(column) for column in self._columns]}

    @property
    def items_field(self) -> str:
        """What a list has its items in."""
        return "rows" if self._how.form is Form.TABLE else "items"

    def mark(self, metadata: Object) -> Object:
        """What a bookmark is about: an object of the kind that has nothing but metadata."""
        match self._how.form:
            case Form.WHOLE:
                return {"kind": self._kind.kind, "apiVersion": self._kind.api_version, "metadata": metadata}
            case Form.METADATA:
                return {"kind": Form.METADATA.value, "apiVersion": self._how.api_version, "metadata": metadata}
            case Form.TABLE:
                return {
                    **self.head({"resourceVersion": metadata["resourceVersion"]}),
                    "rows": [self._mark_row(metadata)],
                }

    def _metadata(self, value: Object) -> Object:
        head = {"kind": Form.METADATA.value, "apiVersion": self._how.api_version}
        return {**head, "metadata": value["metadata"]}

    def _row(self, value: Object) -> Object:
        row: Object = {"cells": [cell_text(column.cell(value)) for column in self._columns]}
        match self._how.included:
            case "Object":
                row["object"] = value
            case "Metadata":
                row["object"] = self._metadata(value)
        return row

    def _mark_row(self, metadata: Object) -> Object:
        """Clients that print tables read how far a watch has come, and whether it is the end of the beginning, from the
        row's object."""
        return {
            "cells": [],
            "object": {"kind": Form.METADATA.value, "apiVersion": self._how.api_version, "metadata": metadata},
        }


def _definition(column: Column) -> Object:
    return {
        "name": column.title.title(),
        "type": "string",
        "format": "name" if column is NAME else "",
        "description": column.meaning,
        "priority": int(column.only_wide),
    }
