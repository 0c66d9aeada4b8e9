"""A plugin of pytest: of each file, the first test is run."""

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    first: dict[str, pytest.Item] = {}
    for item in items:
        first.setdefault(item.nodeid.partition("::")[0], item)
    chosen = list(first.values())
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen
