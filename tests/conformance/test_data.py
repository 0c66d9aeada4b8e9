"""The published data is all there, and as it was published."""

from hashlib import sha256

from tests.conformance.data_files import DATA, case_files, load

DIGEST = "a1e5d36e7b0fa456b8cf71ba05ae92abcfd47e96c2708482b91fdcbdf5ed89c8"


def test_no_row_is_missing() -> None:
    verdicts = [row["id"] for name in case_files() for row in load(name)["rows"] if "id" in row]
    assert sorted(verdicts) == list(range(1, 149))
    domains = load("domains.yaml")
    assert [row["id"] for row in domains["match"]] == [f"M{number:02}" for number in range(1, 33)]
    assert [row["id"] for row in domains["syntax"]] == [f"P{number:02}" for number in range(1, 28)]
    assert [row["id"] for row in load("rejects.yaml")] == [f"N{number:02}" for number in range(1, 50)]


def test_nothing_was_changed() -> None:
    digest = sha256()
    for path in sorted(DATA.glob("*.yaml")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    assert digest.hexdigest() == DIGEST
