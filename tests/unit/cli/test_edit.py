"""`dnsguard edit`, with editors that are small programs."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dnsguard.cli.server import Server
from tests.unit.cli.conftest import Api, Run
from tests.unit.cli.manifests import ALL

Write = Callable[[str, str], str]
IN = ("networkset", "partners", "-n", "shop")

pytestmark = pytest.mark.usefixtures("stocked")


@pytest.fixture
def stocked(api: Api, run: Run, write: Write) -> Api:
    run("apply", "-f", write("all.yaml", ALL))
    return api


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """An editor that at its nth start puts the nth pair's second text in the place of the first; what it was shown is
    kept in files in the folder that is returned."""

    def install(*changes: tuple[str, str]) -> Path:
        seen = tmp_path / "seen"
        seen.mkdir()
        script = tmp_path / "editor.py"
        script.write_text(
            "import pathlib, sys\n"
            f"seen, changes, file = pathlib.Path({str(seen)!r}), {changes!r}, pathlib.Path(sys.argv[1])\n"
            "turn, text = len(list(seen.iterdir())), file.read_text()\n"
            "(seen / str(turn)).write_text(text)\n"
            "if turn < len(changes): file.write_text(text.replace(*changes[turn]))\n"
        )
        monkeypatch.setenv("EDITOR", f"{sys.executable} {script}")
        monkeypatch.delenv("VISUAL", raising=False)
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        return seen

    return install


def held(run: Run) -> Any:
    return json.loads(run("get", *IN, "-o", "json")[1])["spec"]


def left(tmp_path: Path) -> list[Path]:
    return sorted(tmp_path.glob("partners-*.yaml"))


def test_a_change_is_sent(run: Run, editor: Callable[..., Path], tmp_path: Path) -> None:
    seen = editor(("192.0.2.0/24", "198.51.100.0/24"))
    assert run("edit", *IN) == (0, "networkset.projectcalico.org/partners edited\n", "")
    assert held(run)["nets"] == ["198.51.100.0/24"]
    shown = (seen / "0").read_text()
    assert shown.startswith("# What is saved here is sent to the server;")
    assert "managedFields" not in shown
    assert "status:" not in shown
    assert left(tmp_path) == []


@pytest.mark.parametrize("change", [(), (("apiVersion", "apiVersion"),)])
def test_without_a_change_nothing_is_sent(
    run: Run, editor: Callable[..., Path], api: Api, change: tuple[tuple[str, str], ...]
) -> None:
    before = len(api.world.audit)
    editor(*change)
    assert run("edit", *IN) == (0, "networkset.projectcalico.org/partners unchanged\n", "")
    assert len(api.world.audit) == before


def test_what_is_refused_comes_back_with_its_reasons_and_the_text(
    run: Run, editor: Callable[..., Path], tmp_path: Path
) -> None:
    seen = editor(("192.0.2.0/24", "192.0.2.0/33"), ("192.0.2.0/33\n", "198.51.100.0/24\n"))
    assert run("edit", *IN)[:2] == (0, "networkset.projectcalico.org/partners edited\n")
    again = (seen / "1").read_text()
    assert "# spec.nets[0]: '192.0.2.0/33' is no CIDR" in again
    assert "- 192.0.2.0/33\n" in again
    assert held(run)["nets"] == ["198.51.100.0/24"]
    assert left(tmp_path) == []


def test_bad_syntax_comes_back(run: Run, editor: Callable[..., Path]) -> None:
    seen = editor(("spec:", "spec: ["), ("spec: [", "spec:"))
    assert run("edit", *IN) == (0, "networkset.projectcalico.org/partners unchanged\n", "")
    assert "# text: document 1, line " in (seen / "1").read_text()


def test_who_gives_up_keeps_the_text(run: Run, editor: Callable[..., Path], tmp_path: Path) -> None:
    editor(("192.0.2.0/24", "192.0.2.0/33"))
    code, _, err = run("edit", *IN)
    (kept,) = left(tmp_path)
    assert code == 1
    assert err.startswith(f"dnsguard edit: given up; what was typed is in {kept}")
    assert "192.0.2.0/33" in kept.read_text()


def test_a_server_that_goes_away_loses_nothing(
    run: Run, editor: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dnsguard.cli.server import UnreachableError

    def lose(*_: object, **__: object) -> None:
        raise UnreachableError("gone")

    editor(("192.0.2.0/24", "198.51.100.0/24"))
    monkeypatch.setattr(Server, "send", lose)
    code, _, err = run("edit", *IN)
    (kept,) = left(tmp_path)
    assert (code, err) == (4, f"dnsguard edit: what was typed is in {kept}\ndnsguard edit: gone\n")
    assert "198.51.100.0/24" in kept.read_text()


def test_what_others_changed_meanwhile_is_shown_and_not_overwritten(
    run: Run, editor: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = editor(("192.0.2.0/24", "198.51.100.0/24"))
    send = Server.send
    sent: list[str] = []

    def send_late(self: Server, method: str, path: str, *given: Any, **more: Any) -> Any:
        sent.append(method)
        if len(sent) == 1:
            send(self, "PUT", path, {**self.get(path), "spec": {"nets": ["10.0.0.0/8"]}})
        return send(self, method, path, *given, **more)

    monkeypatch.setattr(Server, "send", send_late)
    assert run("edit", *IN)[0] == 1
    assert held(run)["nets"] == ["10.0.0.0/8"]
    again = (seen / "1").read_text()
    assert "# others changed it meanwhile, as below; to save yours over it, set resourceVersion to '" in again
    assert "# +  - 10.0.0.0/8" in again
    assert "- 198.51.100.0/24" in again


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("tier",), 2, "name one object: KIND NAME"),
        (("tier", "a", "b"), 2, "name one object: KIND NAME"),
        (("tier", "securty"), 1, "tiers/securty does not exist; did you mean security?"),
    ],
)
def test_bad_words(run: Run, words: tuple[str, ...], code: int, said: str) -> None:
    assert run("edit", *words) == (code, "", f"dnsguard edit: {said}\n")


@pytest.mark.parametrize(
    ("editor_line", "said"),
    [("/nowhere/vi", "No such file or directory; name an editor in $EDITOR"), ("false", "false ended with 1")],
)
def test_editors_that_fail(run: Run, monkeypatch: pytest.MonkeyPatch, editor_line: str, said: str) -> None:
    monkeypatch.setenv("EDITOR", editor_line)
    monkeypatch.delenv("VISUAL", raising=False)
    code, out, err = run("edit", *IN)
    assert (code, out) == (1, "")
    assert said in err


@pytest.mark.parametrize(
    ("last_words", "said"), [("sys.exit(1)", "ended with 1"), ("file.write_bytes(b'\\xff')", "is no text in UTF-8")]
)
def test_what_an_editor_ended_badly_on_is_kept(
    run: Run, editor: Callable[..., Path], tmp_path: Path, last_words: str, said: str
) -> None:
    editor(("192.0.2.0/24", "198.51.100.0/24"))
    script = tmp_path / "editor.py"
    script.write_text(f"{script.read_text()}{last_words}\n")
    code, out, err = run("edit", *IN)
    (kept,) = left(tmp_path)
    assert (code, out, said in err) == (1, "", True)
    assert f"what was typed is in {kept}" in err
    assert held(run)["nets"] == ["192.0.2.0/24"]


def test_another_name_is_another_object(run: Run, editor: Callable[..., Path]) -> None:
    seen = editor(("name: partners", "name: others"), ("name: others", "name: partners"))
    assert run("edit", *IN)[0] == 0
    assert "# metadata.name must stay partners" in (seen / "1").read_text()
