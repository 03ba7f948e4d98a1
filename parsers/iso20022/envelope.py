"""The envelopes of ISO 20022: an XML document, the business application header in it, and the messages behind it.

              "<"            an element of a message's namespace
    OUTSIDE  ---->  DOCUMENT  ---->  MESSAGE            both end where their element does

The XML document is the interchange, whatever its root is called: Document itself, Message, BizMsg, Envelope, DataPDU,
RequestPayload. A message is what stands in an element of its namespace, mostly called Document. What follows an error
in the XML belongs to nothing that can be told: it is handed out as it stands, and all that was open is rejected.

Spec: ISO 20022-4 (XML Schema generation), Business Application Header head.001.
"""

import re
from collections.abc import Generator, Iterator
from dataclasses import replace

from parsers.events import InterchangeClosed, InterchangeOpened, SetOpened
from parsers.findings import Finding
from parsers.iso20022.totals import MESSAGES, Mismatch, Totals
from parsers.markup.syntax import attributes, local, qualified, resolved
from parsers.markup.tokens import Document, Flaw, Stretch
from parsers.nesting import Level, Nesting
from parsers.reading import START_CHARACTERS, Reading
from parsers.runs import take_raw
from parsers.segments import Item, Items, Raw
from parsers.text import decoded, within

HEADER = "AppHdr"
PARTIES = frozenset({"Fr", "To"})
_IDS = frozenset({"BICFI", "BIC", "AnyBIC", "BICOrBEI", "MmbId"})

_HEADER_BYTES = 64 << 10
"""So far into the document the header is looked for, before the interchange is opened without."""

_MESSAGE = re.compile(r"\b([a-z]{4}\.\d{3}\.\d{3}\.\d{2})\b", re.ASCII)
_NAMESPACE = re.compile(rf"xmlns(?::[\w.-]{{1,40}})?\s*+=\s*+[\"'][^\"'<>]{{0,100}}?{_MESSAGE.pattern}", re.ASCII)
_BEGINS = re.compile(r"<(?:\?xml[ \t\r\n]|!--|!DOCTYPE|[A-Za-z_])")
_WRAPPINGS = ("urn:swift:", "AppHdr", "DataPDU", "RequestPayload", "BizMsg", "<!--")
_BARE_HEADERS = ("<GrpHdr", "<Assgnmt", "<MsgHdr")
_BARE = re.compile(rf"<Document\b[^<]*+<[A-Z]\w{{1,40}}+[^<]*+(?:{'|'.join(_BARE_HEADERS)})\b", re.ASCII)

_FORBIDDEN = re.compile(r"(?:<\?xml[^>]{0,200}\?>\s*)?<!DOCTYPE\s+(?!html)", re.IGNORECASE)
"""No message has a document type: one that has is read so far, and refused."""

_NAME = r"<(?:[\w.-]{1,40}:)?"
_ID = re.compile(
    rf"{_NAME}(?:(?:GrpHdr|MsgHdr)\s*>\s*{_NAME}MsgId|Assgnmt\s*>\s*{_NAME}Id)\s*>\s*([^<]{{1,200}}?)\s*</", re.ASCII
)
_ID_CHARACTERS = 4096
_TEXT_CHARACTERS = 35
"""Max35Text, of which identifiers are; a BIC has 11."""


def starts(text: str) -> bool:
    """An XML document with a message of ISO 20022 in it begins with this text."""
    if not _BEGINS.match(text):
        return False
    if "xmlns" in text and _NAMESPACE.search(text):
        return True
    if any(name in text for name in _BARE_HEADERS) and _BARE.search(text):
        return True
    if _FORBIDDEN.match(text):
        return True
    return len(text) >= START_CHARACTERS and any(mark in text for mark in _WRAPPINGS)


def read(reading: Reading) -> Items:
    """Read one XML document; to the end of the file, when it is not well-formed."""
    return _Interchange(reading).read()


class _Interchange:
    def __init__(self, reading: Reading) -> None:
        self._source = reading.source
        self._nesting = Nesting("iso20022", reading.counts)
        self._document = Document(reading.source, reading.limits)
        self._offset = reading.source.offset(reading.source.at)
        self._outside: list[tuple[str, dict[str, str]]] = []  # Open around messages: name, namespaces by prefix.
        self._header: dict[str, str] = {}
        self._header_depth: int | None = None
        self._header_version: str | None = None
        self._set_depth = 0  # How many elements are open in the one that holds the message; 0: none is.
        self._astray = False  # The message does not stand in the namespace that says which it is.
        self._totals: Totals | None = None

    def read(self) -> Items:
        """What there is, once the interchange has been opened with what its header says, which comes as content."""
        index = self._nesting.open(Level.INTERCHANGE, "").index
        items, held = self._items(), list[Item]()
        for item in items:
            held.append(item)
            far = self._source.offset(self._source.at) - self._offset > _HEADER_BYTES
            if far or isinstance(item, SetOpened | InterchangeClosed):
                break
        message_id = held[-1].control_number if isinstance(held[-1], SetOpened) else None
        yield InterchangeOpened(
            index=index,
            standard="iso20022",
            version=self._header_version,
            sender=self._header.get("Fr"),
            sender_qualifier=None,
            receiver=self._header.get("To"),
            receiver_qualifier=None,
            control_number=self._header.get("BizMsgIdr", message_id),
            usage=None,
            offset=self._offset,
        )
        yield from held
        yield from items

    def _items(self) -> Items:
        nesting, source = self._nesting, self._source
        broken, cut = False, False
        for token in self._document.read():
            match token:
                case Stretch():
                    yield from self._walk(token)
                case Raw():
                    yield nesting.owned(token)
                case Flaw():
                    yield self._flaw(token)
                    broken, cut = token.severity == "error", token.cut
        if broken:
            yield from self._rest()
        end = source.offset(source.at)
        while nesting.stack:
            nesting.stack[-1].failed |= broken
            yield nesting.close(nesting.verdict(cut=cut), end=end, trailer_seen=self._document.whole)

    def _rest(self) -> Iterator[Raw]:
        """All that follows, since nobody can tell where a broken document ends."""
        source = self._source
        while source.at < len(source.held) or source.more():
            raw = take_raw(source, len(source.held) - source.at, "cut", last=False)
            raw.last = not source.more()
            yield self._nesting.owned(raw)

    # --- walking ---

    def _walk(self, stretch: Stretch) -> Items:
        """Tags one by one outside of messages, what stands in a message at once."""
        run = stretch.run
        at, stop = 0, len(run.texts)
        while at < stop:
            if self._set_depth:
                at = yield from self._message(stretch, at)
                continue
            begins, message = at, None
            while begins < stop and message is None:
                message = self._message_begun(run.texts[begins])
                begins += message is None
            if begins > at:
                yield self._nesting.segments(run, at, begins, stretch.syntax, control=True)
            if message is not None:
                yield from self._open(stretch, begins, message)
            at = begins

    def _message_begun(self, token: str) -> str | None:
        """Follow what stands around messages.

        Returns:
            The name of the message that begins with this token; "" for one without a namespace; None for all else.
        """
        outside = self._outside
        if token[0] != "<" or token[1] in "!?":
            self._header_text(token)
            return None
        if token[1] == "/":
            outside.pop()
            if len(outside) == self._header_depth:
                self._header_depth = None
            return None
        prefix, _, name = qualified(token).rpartition(":")
        declared: dict[str, str] = {}
        if "xmlns" in token:
            names = ((key, value) for key, value, _ in attributes(token) if key.split(":")[0] == "xmlns")
            declared = {key[6:]: resolved(value) for key, value in names}
        namespaces = outside[-1][1] if outside else {}
        if declared:
            namespaces = namespaces | declared
        namespace = namespaces.get(prefix, "")
        message = _MESSAGE.search(namespace)
        if message and message[1].startswith("head."):
            self._header_version = self._header_version or message[1]
        elif message and not message[1].startswith("nvlp."):
            self._astray = False
            return message[1]
        elif name == "Document" and (not namespace or declared):
            unused = _MESSAGE.search(" ".join(declared.values()))
            if unused or not namespace:
                self._astray = True
                return unused[1] if unused else ""
        if name == HEADER:
            self._header_depth, self._header = len(outside), {}
        if token[-2] != "/":
            outside.append((name, namespaces))
        return None

    def _header_text(self, token: str) -> None:
        if self._header_depth is None or token[0] == "<":
            return
        names = [name for name, _ in self._outside[self._header_depth + 1 :]]
        if names == ["BizMsgIdr"] or (len(names) > 1 and names[0] in PARTIES and names[-1] in _IDS):
            value = self._identifier(token)
            if value:
                self._header.setdefault(names[0], value)

    def _identifier(self, text: str) -> str | None:
        characters = text if self._source.means_characters else decoded(text)
        return within(resolved(characters).strip(), _TEXT_CHARACTERS)

    # --- messages ---

    def _open(self, stretch: Stretch, at: int, message: str) -> Items:
        run, nesting = stretch.run, self._nesting
        offset, tag = run.byte(at), qualified(run.texts[at])
        here = nesting.open(Level.SET, "Document")
        self._set_depth = stretch.depths[at] + 1
        yield SetOpened(
            interchange=nesting.stack[0].index,
            group=None,
            index=here.index,
            set=message[:8] or None,
            version=message or None,
            control_number=self._message_id(stretch, at) or self._header.get("BizMsgIdr"),
            usage=None,
            offset=offset,
            sender=self._header.get("Fr"),
            receiver=self._header.get("To"),
        )
        if not message:
            yield nesting.report(
                "namespace-missing",
                "Document has no namespace, so that nobody can tell which message it holds.",
                "Declare the namespace of the message and its version on Document.",
                nesting.place(offset, segment="Document", position=1),
            )
        elif self._astray:
            yield nesting.report(
                "namespace-unused",
                "Document declares the namespace of its message, but under a prefix that it does not have.",
                "Declare the namespace of the message as the default one of Document, or use the prefix.",
                nesting.place(offset, segment="Document", position=1),
                severity="warning",
            )
        counted = MESSAGES.get(message[:8])
        if counted is not None:
            wrapped = local(tag) == "Document"  # Else it is the message's root itself.
            self._totals = Totals(counted, tag.rpartition(":")[0], self._set_depth + wrapped)

    def _message_id(self, stretch: Stretch, at: int) -> str | None:
        """GrpHdr/MsgId, or what a message has in its place: it stands at the beginning of the message."""
        start = stretch.run.start(at)
        text = stretch.run.text[start : start + _ID_CHARACTERS]
        found = _ID.search(text + self._source.ahead(_ID_CHARACTERS - len(text)))
        return self._identifier(found[1]) if found else None

    def _message(self, stretch: Stretch, at: int) -> Generator[Item, None, int]:
        """Hand out what is in the message, from this token on.

        Returns:
            The index of what stands behind the message, or behind the stretch.
        """
        run, depths, syntax = stretch
        try:
            stop = depths.index(self._set_depth - 1, at + 1)
        except ValueError:
            stop, ended = len(run.texts), False
        else:
            ended = True
        yield self._nesting.segments(run, at, stop, syntax)
        if self._totals is not None:
            yield from map(self._mismatch, self._totals.take(run, depths, at, stop))
        if ended:
            if self._totals is not None:
                yield from map(self._mismatch, self._totals.finish())
            yield self._nesting.close(self._nesting.verdict(), end=run.byte(stop))
            self._set_depth, self._totals = 0, None
        return stop

    # --- findings ---

    def _mismatch(self, wrong: Mismatch) -> Finding:
        name = wrong.element.rpartition("/")[2]
        at = self._nesting.place(wrong.offset, segment=name, element=wrong.element)
        if wrong.counted is not None:
            return self._nesting.report(
                "nboftxs-mismatch",
                f"{wrong.element} does not say how many transactions there are: we counted {wrong.counted}.",
                f"Set {name} to the number of transactions.",
                at,
            )
        return self._nesting.report(
            f"{name.lower()}-mismatch",
            f"{wrong.element} is not the sum of the amounts of the transactions.",
            f"Set {name} to the sum of the amounts, whatever their currencies.",
            at,
        )

    def _flaw(self, flaw: Flaw) -> Finding:
        at = self._nesting.place(flaw.offset)
        finding = self._nesting.report(flaw.code, flaw.message, flaw.hint, at, severity=flaw.severity)
        return replace(finding, code=f"xml.{flaw.code}")  # Whatever is sent as XML may have it.
