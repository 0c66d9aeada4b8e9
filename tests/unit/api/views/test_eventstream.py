from collections.abc import Iterable

import pytest

from dnsguard.api.views.eventstream import Position, RecordEvents, ValueEvents, gap_line, opening, wants_events

FIRST = '{"time":"2026-01-02T03:04:05.678Z","type":"PACKET","n":1}'
AGAIN = FIRST.replace('"n":1', '"n":2')
LATER = '{"time":"2026-01-02T03:04:05.679Z","type":"PACKET"}'
GAP = '{"time":"2026-01-02T03:04:05.678Z","type":"UNLOGGED","count":3}'
ALL = (FIRST, AGAIN, GAP, LATER)


def ids(encode: RecordEvents, lines: Iterable[str]) -> list[str]:
    """The id of each event, or its name where it has none."""
    found = []
    for text in map(encode, lines):
        for each in filter(None, text.split("\n\n")):
            fields = dict(line.split(": ", 1) for line in each.splitlines())
            found.append(fields.get("id", fields["event"]))
    return found


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [("text/event-stream", True), ("TEXT/Event-Stream;q=0.9, */*", True), ("*/*", False), ("", False)],
)
def test_who_asks_for_events(accept: str, wanted: bool) -> None:
    assert wants_events(accept) is wanted


def test_a_record_is_an_event_with_an_id_a_name_and_one_line_of_data() -> None:
    assert RecordEvents("denied")(FIRST) == f"id: 2026-01-02T03:04:05.678Z/1\nevent: denied\ndata: {FIRST}\n\n"
    assert opening().startswith("retry: ")
    assert ValueEvents("status")('{"ready":true}') == 'event: status\ndata: {"ready":true}\n\n'


def test_records_of_one_moment_are_told_apart_and_gaps_are_no_place_to_come_back_to() -> None:
    at = "2026-01-02T03:04:05"
    assert ids(RecordEvents("denied"), ALL) == [f"{at}.678Z/1", f"{at}.678Z/2", "gap", f"{at}.679Z/1"]
    assert RecordEvents("denied")(gap_line("why")) == f"event: gap\ndata: {gap_line('why')}\n\n"


@pytest.mark.parametrize(
    ("last", "told"),
    [
        ("2026-01-02T03:04:05.678Z/1", ["2026-01-02T03:04:05.678Z/2", "gap", "2026-01-02T03:04:05.679Z/1"]),
        ("2026-01-02T03:04:05.678Z/2", ["gap", "2026-01-02T03:04:05.679Z/1"]),
        ("2026-01-02T03:04:05.679Z/1", ["gap"]),
        (  # that record is not kept any more
            "2026-01-02T03:04:05.677Z/1",
            ["gap", "2026-01-02T03:04:05.678Z/1", "2026-01-02T03:04:05.678Z/2", "gap", "2026-01-02T03:04:05.679Z/1"],
        ),
    ],
)
def test_a_reader_that_comes_back_goes_on_where_it_was(last: str, told: list[str]) -> None:
    assert ids(RecordEvents("denied", Position.read(last)), ALL) == told


def test_records_of_the_audit_say_when_they_were_in_kubernetes_way() -> None:
    line = '{"kind":"Event","stageTimestamp":"2026-01-02T03:04:05.000678+00:00","message":"\\"time\\":\\"x\\""}'
    assert ids(RecordEvents("audit"), [line]) == ["2026-01-02T03:04:05.000678+00:00/1"]
    assert ids(RecordEvents("audit", Position.read("2026-01-02T03:04:05.000678+00:00/1")), [line]) == []


@pytest.mark.parametrize("text", ["", "7", "/", "2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05.678Z/x", "x/1"])
def test_what_is_no_position(text: str) -> None:
    assert Position.read(text) is None
