"""The envelopes of SWIFT MT: a file holds messages, with blocks or bare, and whatever parts them.

                 {1:}            {4:          -}             {5:}
    OUTSIDE  ---------->  HEADERS  --->  TEXT  --->  TRAILERS      and OUTSIDE, where the next {1:} begins
                 :20:  (bare)                  -
    OUTSIDE  ------------------------->  TEXT  --->  OUTSIDE       or where the next :20: begins

Messages that follow each other, parted by nothing, by line breaks, or by marks ("$" in RJE), share one interchange:
there is no envelope around them, and so no trailer to miss. A message with blocks is incomplete until its text has
ended.

Spec: SWIFT User Handbook, FIN Operations Guide, message structure and system messages; Standards MT, General
Information.
"""

import re
from bisect import bisect
from collections.abc import Generator

from parsers.events import InterchangeOpened, SetOpened
from parsers.findings import Finding, Location
from parsers.nesting import Level, Nesting
from parsers.reading import START_CHARACTERS, Reading
from parsers.runs import runs, take_raw
from parsers.segments import Item, Items, LoopClosed, LoopOpened, Raw, Run
from parsers.source import BLANKS
from parsers.swift_mt.blocks import (
    LAYOUTS,
    MARKS,
    MAX_BLOCK_CHARACTERS,
    ORDER,
    REFERENCE_CHARACTERS,
    SHORT_BLOCK_CHARACTERS,
    SYNTAX,
    Header,
    block_length,
    is_last_line,
    marks_length,
    read_header,
    starts,
)
from parsers.swift_mt.fields import ENDING_CHARACTERS, FIELDS, NOT_SWIFT, Fields
from parsers.swift_mt.statement import BALANCED, Spot, Statement
from parsers.text import within

LOOP_CODE_CHARACTERS = 16
_UNCLOSED_MAX = 16
"""Behind so many blocks without their brace, nobody looks far for the next one's."""
_ACKNOWLEDGES = "F21"
_BLOCK = re.compile(r"\{(\w{1,3}):", re.ASCII)
_USUAL_HEADERS = re.compile(r"(\{1:[^{}]*\})(\{2:[^{}]*\})(\{3:(?:\{[^{}]*\})*\})?(\{4:)\r?\n")
_BRACES = re.compile(r"\}+")
_LINE_BREAK = re.compile(r"\r\n|\r|\n|")
_LOOP = re.compile(r":16([RS]):([^\r\n]*)")
_NO_FIELD = re.compile(r"(?!:\w{2,3}:)")


def read(reading: Reading) -> Items:
    """Read messages up to the end of the file, or to where something else stands."""
    return _Interchange(reading).read()


class _Interchange:
    def __init__(self, reading: Reading) -> None:
        self._source = reading.source
        self._limits = reading.limits
        self._nesting = Nesting("swift-mt", reading.counts)
        self._place, self._report = self._nesting.place, self._nesting.report
        self._end = 0  # Of what belongs to the last message.
        self._statement: Statement | None = None
        self._page_before: Statement | None = None
        self._loops: list[str] = []
        self._unclosed = 0  # Blocks of the message.
        self._reported: set[str] = set()  # What is said once in a message.

    def read(self) -> Items:
        nesting, cut = self._nesting, False
        text = self._source.ahead(START_CHARACTERS)
        nesting.open(Level.INTERCHANGE, "")
        yield self._interchange(read_header(text[marks_length(text) :]), self._offset)
        while (yield from self._before_message()):
            cut = yield from self._message()
        yield nesting.close(nesting.verdict(cut=cut), end=self._end, trailer_seen=False)

    # --- between messages ---

    def _before_message(self) -> Generator[Item, None, bool]:
        """Pass over what parts messages. True: another begins."""
        source = self._source
        while True:
            yield from self._blanks()
            if source.ended:
                return False
            if source.held[source.at] not in MARKS:
                return starts(source.ahead(START_CHARACTERS))
            yield from self._segment(1)

    def _blanks(self) -> Items:
        source = self._source
        while not source.ended:
            start = source.at
            if not source.take_blanks():
                return
            stop, source.at = source.at, start
            yield take_raw(source, stop - start, "blank")

    def _segment(self, length: int) -> Items:
        """So many characters as one segment of what is open, with the line break behind it."""
        source = self._source
        source.ahead(length + 2)
        stop = source.at + length
        line_break = _LINE_BREAK.match(source.held, stop)
        text = source.held[source.at : line_break.end() if line_break else stop]
        run = Run(source, text, [text[:length]], width=0)
        source.at += len(text)
        segments = self._nesting.segments(run, 0, 1, SYNTAX, control=True)
        self._end = segments.end
        yield segments

    # --- messages ---

    def _message(self) -> Generator[Item, None, bool]:
        """Returns: True when the file ends before the message does."""
        source, nesting = self._source, self._nesting
        header = read_header(source.ahead(START_CHARACTERS))
        offset = source.offset(source.at)
        nesting.open(Level.SET, "message")
        yield self._set(header, offset)
        self._reported.clear()
        self._unclosed = 0
        self._statement = Statement(header.type or "") if header.statement else None
        if header.reference.strip() and header.control_number is None:
            yield self._report(
                "reference-too-long",
                f"The reference is longer than {REFERENCE_CHARACTERS} characters; it was not taken over.",
                f"Keep field 20 within {REFERENCE_CHARACTERS} characters.",
                self._place(offset),
                severity="warning",
            )
        cut = yield from self._bare(header) if header.bare else self._blocks(header)
        yield from self._close_loops(cut=cut)
        if not cut:
            yield from self._add_up(offset)
        yield nesting.close(nesting.verdict(cut=cut), end=self._end)
        return cut

    def _interchange(self, header: Header, offset: int) -> InterchangeOpened:
        return InterchangeOpened(
            index=self._nesting.stack[0].index,
            standard="swift-mt",
            version=None,
            sender=header.sender,
            sender_qualifier=None,
            receiver=header.receiver,
            receiver_qualifier=None,
            control_number=None,
            usage=None,
            offset=offset,
        )

    def _set(self, header: Header, offset: int) -> SetOpened:
        return SetOpened(
            interchange=self._nesting.stack[0].index,
            group=None,
            index=self._nesting.stack[-1].index,
            set=header.set,
            version=None,
            control_number=header.control_number,
            usage=None,
            offset=offset,
            sender=header.sender,
            receiver=header.receiver,
        )

    def _cut_off(self) -> Finding:
        return self._report(
            "message-cut-off",
            "The file ends before the message does.",
            "Send the whole file again.",
            self._place(self._source.size_bytes),
        )

    def _bare(self, header: Header) -> Generator[Item, None, bool]:
        if header.lines:
            source = self._source
            lines = source.held[source.at : source.at + header.lines]
            yield from self._segment(len(lines.rstrip("\r\n")))
            yield from self._blanks()
        ended = yield from self._text(FIELDS[True, header.statement])
        cut = not ended and self._source.ended and header.type in BALANCED and not self._closed()
        if cut:
            yield self._cut_off()
        return cut

    def _closed(self) -> bool:
        return self._statement is not None and self._statement.closing is not None

    # --- blocks ---

    def _blocks(self, header: Header) -> Generator[Item, None, bool]:
        source, closed = self._source, True
        seen = yield from self._usual_headers(header)
        if seen:
            closed = yield from self._text(FIELDS[False, header.statement])
        while closed or not source.ended:
            yield from self._blanks()
            text = source.ahead(5)
            if text[:1] == "}":
                yield from self._stray_braces()
                continue
            block = _BLOCK.match(text)
            if block is None or _begins_next(block[1], seen):
                break
            yield from self._in_order(block[1], seen, header)
            seen += block[1] if block[1] in ORDER and block[1] not in seen else ""
            if block[1] == "4" and text[3:4] != "{":
                yield from self._segment(3)
                closed = yield from self._text(FIELDS[False, header.statement])
            else:
                closed = yield from self._block(block[1])
        cut = source.ended and not (closed and "4" in seen)
        if cut:
            yield self._cut_off()
        elif "4" not in seen:
            yield self._report(
                "text-missing",
                "The message has no text: block 4 is missing.",
                "Send every message with its block 4.",
                self._place(self._end, segment="4"),
            )
        return cut

    def _usual_headers(self, header: Header) -> Generator[Item, None, str]:
        """Blocks 1 to 3 and the beginning of 4 at once, when they are as they mostly are. Returns: which these are."""
        source = self._source
        found = _USUAL_HEADERS.match(source.held, source.at) if header.laid_out else None
        if found is None:
            return ""
        texts = [block for block in found.groups() if block]
        run = Run(source, found[0], texts, width=0)
        source.at = found.end()
        yield self._nesting.segments(run, 0, len(texts), SYNTAX, control=True)
        return "".join(block[1] for block in texts)

    def _in_order(self, block: str, seen: str, header: Header) -> Items:
        if seen.startswith("12") and ORDER.find(block) > ORDER.find(seen[-1]):
            return
        at = self._place(self._offset, segment=block if block in ORDER else None, position=self._position)
        if block not in ORDER:
            yield self._report(
                "block-unknown",
                "A block has a name that no block of a FIN message has; it was passed over.",
                "Send blocks 1 to 5 and S only.",
                at,
                severity="warning",
            )
        elif seen and ORDER.index(block) <= max(map(ORDER.index, seen)):
            yield self._report(
                "block-out-of-order",
                f"Block {block} stands behind a block that it must stand before, or for the second time.",
                "Send each block once, in the order 1, 2, 3, 4, 5, S.",
                at,
            )
        needed = "1" if header.type == _ACKNOWLEDGES else "12"
        for missing in needed if block in ORDER else "":
            if missing not in seen and ORDER.index(missing) < ORDER.index(block) and missing not in self._reported:
                self._reported.add(missing)
                yield self._report(
                    "block-missing",
                    f"Block {missing} does not stand before block {block}.",
                    "Send blocks 1 and 2 before the text of every message.",
                    at,
                    severity="warning",
                )

    def _block(self, name: str) -> Generator[Item, None, bool]:
        """A block that is no text. Returns: False when it is not closed."""
        source = self._source
        longest = MAX_BLOCK_CHARACTERS if self._unclosed < _UNCLOSED_MAX else SHORT_BLOCK_CHARACTERS
        length, closed = block_length(source, longest)
        self._unclosed += not closed
        at = self._place(self._offset, segment=name if name in ORDER else None, position=self._position)
        text = source.held[source.at : source.at + length]
        if not closed:
            if is_last_line(source, length):
                yield self._nesting.owned(take_raw(source, length, "cut"), name)
                self._end = source.offset(source.at)
                yield from self._blanks()
                return False
            yield self._report(
                "block-not-closed",
                "A block is not closed by its brace; it was taken to end with its line.",
                "Close every block, and every tag in it, by a brace.",
                at,
            )
        elif name in LAYOUTS and not any(layout.fullmatch(text) for layout in LAYOUTS[name]):
            yield self._report(
                f"block{name}-layout",
                f"Block {name} is not laid out as the standard says; what it says was not taken over.",
                "Fill the parts of the block to their fixed widths.",
                at,
                severity="warning",
            )
        if length * source.unit > self._limits.held_bytes:
            yield self._nesting.owned(take_raw(source, length, "segment"), name)
            self._end = source.offset(source.at)
        else:
            yield from self._segment(length)
        return closed

    def _stray_braces(self) -> Items:
        source = self._source
        braces = _BRACES.match(source.held, source.at)
        if "brace" not in self._reported:
            self._reported.add("brace")
            yield self._report(
                "brace-out-of-place",
                "A brace closes nothing.",
                "Close every block by one brace.",
                self._place(self._offset, position=self._position),
                severity="warning",
            )
        yield from self._segment(len(braces[0]) if braces else 1)

    # --- the text ---

    def _text(self, fields: Fields) -> Generator[Item, None, bool]:
        """The fields of a message, and the mark behind them. Returns: False when the file ends before the text does."""
        source, tokens, begun = self._source, runs(self._source, fields, self._limits), False
        while (ending := self._ending(fields, begun=begun)) is None:
            token = next(tokens, None)
            if token is None:
                if source.ended:
                    return False
                token = self._last_run(fields)
            if isinstance(token, Raw):
                yield from self._part(token)
            else:
                yield from self._walk(token, fields, begun=begun)
            begun = begun or not (isinstance(token, Raw) and token.kind == "blank")
        mark = (ending["end"] or "").rstrip(" \t\r\n")
        if not fields.bare and mark != "-}":
            yield self._report(
                "text-end-brace" if mark else "text-not-ended",
                "The text ends with a hyphen that has no brace behind it."
                if mark
                else "Something follows the text before the text has ended.",
                "End the text of every message by a line that begins with -}.",
                self._place(self._offset, segment="4", position=self._position),
                severity="warning" if mark else "error",
            )
        if mark:
            yield from self._segment(len(mark))
        return True

    def _ending(self, fields: Fields, *, begun: bool) -> re.Match[str] | None:
        """What ends the text, if that stands next; where the file ends, its last line ends, too."""
        text = self._source.ahead(ENDING_CHARACTERS)
        found = fields.ending.match(text if len(text) == ENDING_CHARACTERS else f"{text}\n")
        return None if found is None or (found[0][0] == ":" and not begun) else found

    def _last_run(self, fields: Fields) -> Run | Raw:
        """What stands before the end of the file, or before an ending that is the last of it."""
        source = self._source
        text = source.held[source.at :]
        ending = fields.line_ending.search(f"{text}\n")
        if ending:
            text = text[: ending.start() + 1]
        elif text.strip(BLANKS):
            stop = len(text.rstrip(BLANKS))
            text = text[:stop] + _LINE_BREAK.match(text, stop)[0]  # type: ignore[index]  # It matches nothing, too.
        if self._nesting.long is not None:
            return take_raw(source, len(text), "segment")
        if not text.strip(BLANKS):
            return take_raw(source, len(text), "blank")
        run = fields.cut(source, text)
        source.at += len(text)
        return run

    def _walk(self, run: Run, fields: Fields, *, begun: bool) -> Items:
        """Some fields of a text."""
        yield from self._irregular(run, fields, begun=begun)
        self._end = run.byte(len(run.texts))
        if self._statement is not None:
            self._statement.feed(run, self._position)
        done = 0
        if ":16" in run.text and self._statement is None:
            for mark, field in enumerate(run.texts):
                loop = _LOOP.match(field) if field.startswith(":16") else None
                if loop is None:
                    continue
                if done < mark:
                    yield self._nesting.segments(run, done, mark, SYNTAX)
                yield from self._loop(loop, run, mark)
                done = mark + 1
        if done < len(run.texts):
            yield self._nesting.segments(run, done, len(run.texts), SYNTAX)

    def _irregular(self, run: Run, fields: Fields, *, begun: bool) -> Items:
        """What fields hold that they should not."""
        if not begun and _NO_FIELD.match(run.texts[0]):
            yield self._report(
                "line-not-a-field",
                "The text does not begin with a field.",
                "Begin every field with its tag between colons, at the start of a line.",
                self._place(run.offset, position=self._position),
                severity="warning",
            )
        if "colon" not in self._reported and max(map(run.text.count, ("\n:", "\r:"))) >= len(run.texts):
            index = next((at for at, field in enumerate(run.texts) if "\n:" in field or "\r:" in field), None)
            if index is not None:
                self._reported.add("colon")
                yield self._report(
                    "line-begins-with-colon",
                    "A line of a field begins with a colon, as if it were a field; it was read as text.",
                    "Begin no line with a colon but the first of a field.",
                    self._at(run, index),
                    severity="warning",
                )
        stray = None if "set" in self._reported or fields.bare else NOT_SWIFT.search(run.text)
        if stray is not None:
            self._reported.add("set")
            yield self._report(
                "character-set",
                "A field has a character that is not among those of SWIFT (character sets x and z).",
                "Write letters without accents, digits and the signs of the character set.",
                self._at(run, bisect(run.starts, stray.start()) - 1),
                severity="info",
            )
        longest = self._limits.elements
        if len(run.text) > longest and "lines" not in self._reported and max(map(len, run.texts)) > longest:
            index = next((at for at, field in enumerate(run.texts) if field.count("\n") >= longest), None)
            if index is not None:
                self._reported.add("lines")
                yield self._report(
                    "too-many-lines",
                    f"A field has more than {longest} lines.",
                    "Check that every field begins with its tag, at the start of a line.",
                    self._at(run, index),
                )

    def _part(self, raw: Raw) -> Items:
        """A part of a field that is too long to hold."""
        if raw.kind != "segment":
            yield raw
            return
        if raw.last and self._statement is not None:
            self._statement.pass_over()
        self._end = raw.end
        hint = "Check that every field begins with its tag, at the start of a line."
        yield from self._nesting.part(raw, SYNTAX.tag(raw.text[:8]), self._limits, hint, noun="field")

    def _loop(self, loop: re.Match[str], run: Run, mark: int) -> Items:
        """16R and 16S, which frame a sequence. Spec: ISO 15022, start and end of block."""
        loops, code = self._loops, loop[2].strip()
        at = self._place(run.byte(mark), segment=f"16{loop[1]}", position=self._position)
        if loop[1] == "R":
            loops.append(code)
            if len(loops) <= self._limits.nesting:
                yield LoopOpened(code=within(code, LOOP_CODE_CHARACTERS), offset=run.byte(mark), depth=len(loops))
            elif "deep" not in self._reported:
                self._reported.add("deep")
                yield self._report(
                    "sequences-too-deep",
                    f"Sequences are nested more than {self._limits.nesting} deep; deeper ones were not told apart.",
                    "Close each 16R by its 16S.",
                    at,
                )
            yield self._nesting.segments(run, mark, mark + 1, SYNTAX)
            return
        yield self._nesting.segments(run, mark, mark + 1, SYNTAX)
        if not loops or loops[-1] != code:
            yield self._report(
                "16s-mismatch" if loops else "16s-out-of-place",
                "16S does not name the sequence that it closes." if loops else "16S closes nothing: no 16R is open.",
                "Close each 16R by a 16S of the same name, the innermost first.",
                at,
            )
        if loops:
            loops.pop()
            if len(loops) < self._limits.nesting:
                named = within(code, LOOP_CODE_CHARACTERS)
                yield LoopClosed(code=named, end_offset=run.byte(mark + 1), depth=len(loops) + 1, trailer_seen=True)

    def _close_loops(self, *, cut: bool) -> Items:
        if self._loops and not cut:
            yield self._report(
                "16s-missing",
                "A sequence that 16R opened has no 16S.",
                "Close each 16R by a 16S of the same name.",
                self._place(self._end, segment="16S"),
            )
        for depth in range(len(self._loops), 0, -1):
            if depth <= self._limits.nesting:
                code = within(self._loops[depth - 1], LOOP_CODE_CHARACTERS)
                yield LoopClosed(code=code, end_offset=self._end, depth=depth, trailer_seen=False)
        self._loops.clear()

    # --- findings ---

    def _add_up(self, offset: int) -> Items:
        """Args: offset: of the message, for what is wrong with none of its fields."""
        statement = self._statement
        if statement is None:
            return
        for problem in statement.problems(self._page_before):
            spot = problem.spot or Spot(offset, None)
            yield self._report(
                problem.code,
                problem.message,
                problem.hint,
                self._place(spot.offset, segment=problem.tag, position=spot.position),
                severity="warning",
            )
        if statement.type in BALANCED:
            self._page_before = statement

    @property
    def _offset(self) -> int:
        """Where the source stands."""
        return self._source.offset(self._source.at)

    @property
    def _position(self) -> int:
        """Of what comes next in the message."""
        return self._nesting.stack[-1].position + 1

    def _at(self, run: Run, index: int) -> Location:
        field = run.texts[index]
        return self._place(run.byte(index), segment=SYNTAX.tag(field) or None, position=self._position + index)


def _begins_next(block: str, seen: str) -> bool:
    """Whether a block belongs to the next message, when these have been seen of this one."""
    return (block == "1" and seen != "") or ("4" in seen and block in {"2", "4"})
