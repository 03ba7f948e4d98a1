"""How values stand in elements of ISO 20022 messages: as ISO 8601 and XML Schema write them."""

import re

from parsers.maps.trees import PathValues
from parsers.maps.values import Unreadable, plain_decimal
from parsers.segments import Syntax

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?")
_NOT_A_DATE = ("not-a-date", "is not a date.", "Send it as CCYY-MM-DD, with its time as Thh:mm:ss where it is known.")


class Values(PathValues):
    def decimal(self, text: str) -> str:
        return plain_decimal(text.removeprefix("+"))

    def day(self, text: str, form: str) -> str:  # noqa: ARG002  They have one way to be written.
        if not _DAY.match(text):
            raise Unreadable(*_NOT_A_DATE)
        return text[:10]

    def moment(self, text: str, more: str, form: str) -> str:  # noqa: ARG002
        if not _MOMENT.fullmatch(text):
            if _DAY.match(text):  # A date with a zone.
                return text[:10]
            raise Unreadable(*_NOT_A_DATE)
        return text

    def period(self, text: str, more: str, form: str) -> tuple[str, str | None]:
        return self.moment(text, "", form), self.moment(more, "", form) if more else None


def values(_: Syntax) -> Values:
    return Values()
