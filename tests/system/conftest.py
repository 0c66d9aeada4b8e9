"""What several files share: the group ``one API`` one server, for names of their own in it; the group ``documents`` one
trial, whose last file leaves it as it likes."""

from collections.abc import Iterator

import pytest

from tests.support.shell import Shell
from tests.system.apiserver import Api, Kubectl, certified, start
from tests.trial.scene import trial


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


@pytest.fixture(scope="session")
def trial_shell() -> Iterator[Shell]:
    """In a trial as `make trial` opens one."""
    with trial() as made:
        opened = Shell(made.directory, made.shell(), environment=made.environment)
        try:
            assert opened.typed(". ./start") == (0, "")
            yield opened
        finally:
            opened.close()
