"""What several files share: the group ``one API`` one server, for names of their own in it."""

from collections.abc import Iterator

import pytest

from tests.system.apiserver import Api, Kubectl, certified, start


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Files whose lists must hold nothing of others have their own."""
    server = start(certified(tmp_path_factory.mktemp("api")))
    yield server
    server.kill()


@pytest.fixture(scope="session")
def kubectl(api: Api) -> Kubectl:
    """The administrator's."""
    return Kubectl(api)
