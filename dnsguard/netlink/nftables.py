"""nf_tables messages: tables, chains, rules, sets, elements and counters, family inet unless `of_family`. Pure.

A `Message` is everything but its header's length and sequence number; `NetfilterSocket.transact` puts many into one
batch. Numbers are those of ``include/uapi/linux/netfilter/nf_tables.h``.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from struct import Struct, pack
from typing import NamedTuple

from dnsguard.netlink.codec import NESTED, attribute, be32, be64, nested, text
from dnsguard.netlink.expressions import LIST_ELEMENT, OBJECT_COUNTER, verdict_data

SUBSYSTEM = 10
INET, IPV4, BRIDGE, IPV6 = 1, 2, 7, 10

(NEW_TABLE, GET_TABLE, DELETE_TABLE, NEW_CHAIN, GET_CHAIN, DELETE_CHAIN, NEW_RULE, GET_RULE, DELETE_RULE, NEW_SET,
 GET_SET, DELETE_SET, NEW_ELEMENT, GET_ELEMENT, DELETE_ELEMENT) = range(15)  # fmt: skip
GET_GENERATION, NEW_OBJECT, GET_OBJECT, DELETE_OBJECT, RESET_OBJECT = 16, 18, 19, 20, 21

FLAG_REQUEST, FLAG_ACK, FLAG_DUMP, FLAG_EXCLUSIVE, FLAG_CREATE, FLAG_APPEND = 1, 4, 0x300, 0x200, 0x400, 0x800

SET_INTERVAL, SET_MAP, SET_TIMEOUT, SET_DYNAMIC = 4, 8, 0x10, 0x20
ELEMENT_INTERVAL_END = 1
VERDICT_TYPE = 0xFFFFFF00

HOOKS = {"prerouting": 0, "input": 1, "forward": 2, "output": 3, "postrouting": 4}
_VERBS = {NEW_TABLE: "add table", DELETE_TABLE: "delete table", NEW_CHAIN: "add chain", DELETE_CHAIN: "delete chain",
          NEW_RULE: "add rule to chain", DELETE_RULE: "delete rules of chain", NEW_SET: "add set",
          DELETE_SET: "delete set", NEW_ELEMENT: "add elements to set", DELETE_ELEMENT: "delete elements of set",
          NEW_OBJECT: "add counter", DELETE_OBJECT: "delete counter", RESET_OBJECT: "reset counter"}  # fmt: skip

COMMENT_LONGEST = 120
"""Characters of a comment; libnftnl takes 127 and a NUL."""
_HOST_ORDER = pack("=BBI", 0, 4, 1)
"""libnftnl's note that keys are in host order: kind, length, value."""


def _note(kind: int, *parts: bytes) -> bytes:
    """One of libnftnl's notes, which are for nft's eyes only: kind, length, content."""
    content = b"".join(parts)
    return bytes((kind, len(content))) + content


def _number_note(kind: int, value: int) -> bytes:
    return _note(kind, pack("=I", value))


_TARGET_NOTE = (
    _number_note(0, 7),  # a part of the packet
    _note(1, *(_number_note(*each) for each in ((0, 0), (1, 0), (2, 3), (3, 64), (4, 128)))),  # th, from bit, bits
)
_INTERFACE_NOTE = _number_note(0, 9), _note(1, _number_note(0, 6))  # meta iifname
TYPEOF_TARGET = _number_note(0, 2) + _note(3, *_TARGET_NOTE)
"""That a key is what nft writes as ``@th,64,128``."""
TYPEOF_INTERFACE_TARGET = _number_note(0, 0) + _note(
    3, _number_note(0, 13), _note(1, _note(0, *_INTERFACE_NOTE), _note(1, *_TARGET_NOTE))
)
"""The same of ``iifname . @th,64,128``."""

_CHUNK_BYTES = 0xFFFF - 1024


class Message(NamedTuple):
    """One request without its netlink header."""

    kind: int
    flags: int
    body: bytes
    """With the nfgenmsg header, padded to four bytes."""
    subject: str
    """The name of the object, for errors."""

    def __str__(self) -> str:
        return f"{_VERBS.get(self.kind, f'request {self.kind}')} {self.subject}"


class Element(NamedTuple):
    """One element of a set or map."""

    key: bytes
    """In network order; the fields of a concatenation padded to four bytes each."""
    timeout_ms: int | None = None
    """Lifetime in milliseconds; 0 is for ever; None is the set's default, or no change when the element exists."""
    verdict: tuple[int, str | None] | None = None
    """Verdict code and chain, of a verdict map's element."""
    interval_end: bool = False
    """Marks the first key after an interval, in sets with `SET_INTERVAL`."""
    comment: str = ""
    """Printable ASCII, for `nft list`."""


class DumpedElement(NamedTuple):
    """One element as the kernel reports it."""

    key: bytes
    timeout_ms: int | None
    expires_ms: int | None
    """What is left of the timeout."""
    verdict: tuple[int, str | None] | None
    interval_end: bool
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Hook:
    """Where a base chain hangs."""

    type: str
    """``filter`` or ``route``."""
    name: str
    """A key of `HOOKS`."""
    priority: int
    policy_accept: bool = True


def _body(*parts: bytes) -> bytes:
    return pack("=BBH", INET, 0, 0) + b"".join(parts)


def of_family(message: Message, family: int) -> Message:
    """The same about a table of another family."""
    return message._replace(body=bytes((family,)) + message.body[1:])


def comment_data(comment: str, kind: int = 0) -> bytes:
    """A comment as libnftnl stores it: u8 kind, u8 length, text with NUL. Cut at `COMMENT_LONGEST` characters."""
    data = comment.encode("ascii", "replace")[:COMMENT_LONGEST] + b"\0"
    return bytes((kind, len(data))) + data


def add_table(table: str) -> Message:
    return Message(NEW_TABLE, FLAG_CREATE, _body(text(1, table), be32(2, 0)), table)


def delete_table(table: str) -> Message:
    return Message(DELETE_TABLE, 0, _body(text(1, table)), table)


def add_chain(table: str, chain: str, hook: Hook | None = None, comment: str = "") -> Message:
    """A regular chain, or a base chain when there is a hook. No error when the same one exists."""
    parts = [text(1, table), text(3, chain)]
    if hook is not None:
        parts += [nested(4, be32(1, HOOKS[hook.name]), be32(2, hook.priority)), be32(5, int(hook.policy_accept)),
                  text(7, hook.type)]  # fmt: skip
    if comment:
        parts.append(attribute(12, comment_data(comment)))
    return Message(NEW_CHAIN, FLAG_CREATE, _body(*parts), chain)


def delete_chain(table: str, chain: str) -> Message:
    """The chain must be empty of references; its rules go with it only if deleted before, see `flush_chain`."""
    return Message(DELETE_CHAIN, 0, _body(text(1, table), text(3, chain)), chain)


def flush_chain(table: str, chain: str) -> Message:
    return Message(DELETE_RULE, 0, _body(text(1, table), text(2, chain)), chain)


def add_rule(table: str, chain: str, expressions: Iterable[bytes], comment: str = "") -> Message:
    """Append a rule."""
    parts = [text(1, table), text(2, chain), nested(4, *expressions)]
    if comment:
        parts.append(attribute(7, comment_data(comment)))
    return Message(NEW_RULE, FLAG_CREATE | FLAG_APPEND, _body(*parts), chain)


def add_set(
    table: str,
    name: str,
    *,
    key_type: int,
    key_length: int,
    flags: int = 0,
    size: int | None = None,
    gc_interval_ms: int | None = None,
    timeout_ms: int | None = None,
    host_order: bool = False,
    typeof: bytes = b"",
    comment: str = "",
) -> Message:
    """A set, or a verdict map when `SET_MAP` is among the flags. No error when the same one exists.

    ``key_type`` is a number of nft's own, kept only so that `nft list` can print keys; a concatenation is
    ``type << 6 | type``. ``host_order`` says that keys are not in network order (interface names), also for nft's eyes
    only, as is ``typeof``. A set without ``size`` grows without bound, which one with `SET_DYNAMIC` must not.
    ``timeout_ms`` is that of elements that are added without one.
    """
    parts = [text(1, table), text(2, name), be32(3, flags), be32(4, key_type), be32(5, key_length), be32(10, 1)]
    if flags & SET_MAP:
        parts += [be32(6, VERDICT_TYPE), be32(7, 16)]
    if size is not None:
        parts.append(nested(9, be32(1, size)))
    if timeout_ms is not None:
        parts.append(be64(11, timeout_ms))
    if gc_interval_ms is not None:
        parts.append(be32(12, gc_interval_ms))
    userdata = typeof or (_HOST_ORDER if host_order else b"")
    if comment:
        userdata += comment_data(comment, kind=7)
    if userdata:
        parts.append(attribute(13, userdata))
    return Message(NEW_SET, FLAG_CREATE, _body(*parts), name)


def delete_set(table: str, name: str) -> Message:
    return Message(DELETE_SET, 0, _body(text(1, table), text(2, name)), name)


def flush_set(table: str, name: str) -> Message:
    return Message(DELETE_ELEMENT, 0, _body(text(1, table), text(2, name)), name)


def add_counter(table: str, name: str) -> Message:
    """A named counter at zero; an existing one keeps its count."""
    parts = text(1, table), text(2, name), be32(3, OBJECT_COUNTER), nested(4, be64(1, 0), be64(2, 0))
    return Message(NEW_OBJECT, FLAG_CREATE, _body(*parts), name)


def delete_counter(table: str, name: str) -> Message:
    return Message(DELETE_OBJECT, 0, _body(text(1, table), text(2, name), be32(3, OBJECT_COUNTER)), name)


@lru_cache(maxsize=8192)
def _set_head(table: str, name: str) -> bytes:
    return _body(text(1, table), text(2, name))


def _timed_form(length: int) -> Callable[[bytes, bytes, int, bytes, int], bytes]:
    """What packs (key, `_TIMEOUT_HEAD`, milliseconds, `_EXPIRATION_HEAD`, milliseconds) into an element that has
    nothing else; the lease path's shape."""
    head = pack("=HHHHHH", 36 + length, LIST_ELEMENT | NESTED, 8 + length, 1 | NESTED, 4 + length, 1)
    return partial(Struct(f">12s{length}s4sQ4sQ").pack, head)


_LIST_HEAD = Struct("=HH")
_KEY_HEAD = Struct("=HHHH")
_INTERVAL_END = be32(3, ELEMENT_INTERVAL_END)
_TIMEOUT_HEAD = pack("=HH", 12, 4)
_EXPIRATION_HEAD = pack("=HH", 12, 5)
"""Goes with every timeout: an element that is added again with the timeout it has would keep the expiry it has."""
_PLAIN_HEADS, _END_HEADS = (
    {length: pack("=HHHHHH", 12 + length + more, LIST_ELEMENT | NESTED, 8 + length, 1 | NESTED, 4 + length, 1)
     for length in range(4, 40, 4)}
    for more in (0, len(_INTERVAL_END))
)  # fmt: skip
"""Before a key of so many octets that is all of an element, or all but that it marks an end."""

_TIMED_FORMS = {length: _timed_form(length) for length in (4, 8, 16, 32)}


def _element(element: Element) -> bytes:
    key, timeout_ms, verdict, interval_end, comment = element
    if timeout_ms is None and verdict is None and not comment:
        head = (_END_HEADS if interval_end else _PLAIN_HEADS).get(len(key))
        if head is not None:
            return head + key + _INTERVAL_END if interval_end else head + key
    if timeout_ms and verdict is None and not interval_end and not comment:
        form = _TIMED_FORMS.get(len(key))
        if form is not None:
            return form(key, _TIMEOUT_HEAD, timeout_ms, _EXPIRATION_HEAD, timeout_ms)
    said = _key(key)
    if verdict is not None:
        said += verdict_data(2, *verdict)
    if interval_end:
        said += _INTERVAL_END
    if timeout_ms is not None:
        said += be64(4, timeout_ms)
        if timeout_ms:
            said += be64(5, timeout_ms)
    if comment:
        said += attribute(6, comment_data(comment))
    return _LIST_HEAD.pack(len(said) + 4, LIST_ELEMENT | NESTED) + said


def _key(key: bytes) -> bytes:
    """A key of an element: whole words are most of them, and need no padding."""
    length = len(key)
    if length & 3:
        return nested(1, attribute(1, key))
    return _KEY_HEAD.pack(length + 8, 1 | NESTED, length + 4, 1) + key


def _elements(kind: int, flags: int, table: str, name: str, elements: Iterable[Element]) -> list[Message]:
    head = _set_head(table, name)
    messages: list[Message] = []
    chunk: list[bytes] = []
    size = 0
    for element in elements:
        item = _element(element)
        if size + len(item) > _CHUNK_BYTES:
            messages.append(_element_message(kind, flags, head, name, chunk, size))
            chunk, size = [], 0
        chunk.append(item)
        size += len(item)
    if chunk:
        messages.append(_element_message(kind, flags, head, name, chunk, size))
    return messages


def _element_message(kind: int, flags: int, head: bytes, name: str, encoded: Sequence[bytes], size: int) -> Message:
    return Message(kind, flags, head + _LIST_HEAD.pack(size + 4, 3 | NESTED) + b"".join(encoded), name)


def add_elements(table: str, set_name: str, elements: Iterable[Element]) -> list[Message]:
    """Messages that add the elements; several when they do not fit one attribute, none for no elements.

    An element that exists is no error; whether its timeout then changes is what `probe` finds out.
    """
    return _elements(NEW_ELEMENT, FLAG_CREATE, table, set_name, elements)


def add_aged_element(table: str, set_name: str, key: bytes, timeout_ms: int, left_ms: int) -> Message:
    """Add an element as if it had been there for a while: ``left_ms`` of its ``timeout_ms`` are left."""
    said = _key(key) + be64(4, timeout_ms) + be64(5, left_ms)
    encoded = _LIST_HEAD.pack(len(said) + 4, LIST_ELEMENT | NESTED) + said
    return _element_message(NEW_ELEMENT, FLAG_CREATE, _set_head(table, set_name), set_name, [encoded], len(encoded))


def delete_elements(table: str, set_name: str, elements: Iterable[Element]) -> list[Message]:
    """Messages that delete the elements by key. One that is missing fails the batch with ENOENT."""
    keys = (Element(element.key, interval_end=element.interval_end) for element in elements)
    return _elements(DELETE_ELEMENT, 0, table, set_name, keys)


def generation_request() -> Message:
    """How often the rules were changed, see `dumps.generation`."""
    return Message(GET_GENERATION, 0, bytes(4), "the generation of the rules")


def chain_request(table: str, chain: str) -> Message:
    """One chain."""
    return Message(GET_CHAIN, 0, _body(text(1, table), text(3, chain)), chain)


@lru_cache(maxsize=8192)
def element_request(table: str, set_name: str, key: bytes) -> Message:
    """One element of a set."""
    (asked,) = _elements(GET_ELEMENT, 0, table, set_name, [Element(key)])
    return asked


def counter_request(table: str, name: str) -> Message:
    """Ask for one named counter."""
    return Message(GET_OBJECT, 0, _body(text(1, table), text(2, name), be32(3, OBJECT_COUNTER)), name)


def reset_request(table: str, name: str, object_type: int) -> Message:
    """Tells one object, as a counter, and has it begin anew."""
    return Message(RESET_OBJECT, 0, _body(text(1, table), text(2, name), be32(3, object_type)), name)


def list_request(kind: int, table: str, name: str | None = None, object_type: int | None = None) -> Message:
    """A dump of the chains, sets, counters or elements of one table; ``name`` is the set or chain."""
    parts = [text(1, table)]
    if name is not None:
        parts.append(text(2, name))
    if object_type is not None:
        parts.append(be32(3, object_type))
    return Message(kind, FLAG_DUMP, _body(*parts), name or table)
