import hashlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dnsguard.link.lastgood import UnusableLastGood, load, save
from dnsguard.link.messages import Snapshot
from tests.unit.link.strategies import feed, identity, snapshot, snapshots

SAMPLE = snapshot(9, (feed("s1", "*.example.org"),), (identity("shop/cart", "192.0.2.7"),))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(snapshots)
def test_what_is_saved_is_loaded(tmp_path: Path, sample: Snapshot) -> None:
    save(tmp_path / "last", sample)
    assert load(tmp_path / "last") == sample


def test_no_file_is_no_snapshot(tmp_path: Path) -> None:
    assert load(tmp_path / "last") is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_torn_file_is_never_taken_for_a_whole_one(tmp_path: Path, data: st.DataObject) -> None:
    save(tmp_path / "last", SAMPLE)
    whole = (tmp_path / "last").read_bytes()
    end = data.draw(st.integers(0, len(whole) - 1))
    (tmp_path / "last").write_bytes(whole[:end])
    with pytest.raises(UnusableLastGood):
        load(tmp_path / "last")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_flipped_byte_is_found(tmp_path: Path, data: st.DataObject) -> None:
    save(tmp_path / "last", SAMPLE)
    whole = bytearray((tmp_path / "last").read_bytes())
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    (tmp_path / "last").write_bytes(bytes(whole))
    with pytest.raises(UnusableLastGood):
        load(tmp_path / "last")


def test_a_file_of_a_version_without_configuration_is_loaded(tmp_path: Path) -> None:
    lines = [
        b'{"format":"dnsguard last-good 1","revision":9,"table":"dnsguard","query_policy":"AllowAll","lease_sets":1}\n',
        b'{"id":"s1","kernel_set_v4":"s1_4","kernel_set_v6":"s1_6","patterns":["*.example.org"]}\n',
        b'{"endpoint":"shop/cart","addresses":["192.0.2.7"],"lease_sets":[],"may_query":[]}\n',
    ]
    body = b"".join(lines)
    (tmp_path / "last").write_bytes(body + hashlib.sha256(body).hexdigest().encode() + b"\n")
    assert load(tmp_path / "last") == SAMPLE


def test_a_later_format_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dnsguard.link.lastgood.FORMAT", "dnsguard last-good 2")
    save(tmp_path / "last", SAMPLE)
    monkeypatch.undo()
    with pytest.raises(UnusableLastGood, match="it says 'dnsguard last-good 2'"):
        load(tmp_path / "last")
