"""What was agreed with a partner on the files of some sender, receiver, standard, set, version and usage. Pure data.

`[[agreements]]` in a partner file: the first that matches counts; where none does, all defaults.
"""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from partners.template import check_template, fill

Treatment = Literal["reject", "warn", "report"]

ACK_FIELDS: Final = ("name", "stem", "kind", "control_number", "date", "time", "number")

Text = Annotated[str, StringConstraints(min_length=1, max_length=300)]
OutFolder = Annotated[str, StringConstraints(pattern=r"^/(outbound|errors)(/[^/\x00-\x1f]{1,255}){0,7}$")]


class Agreement(BaseModel):
    """Keys of one `[[agreements]]` table.

    Attributes:
        standard, set, version, sender, receiver, usage: what it is for, as the file says it; `version` is its
            beginning; left out, everything. HL7 names sender and receiver in each message.
        guide: the id of a guide on the shelf, or of a file in config/guides.
        levels: SNIP level → what a finding of it does, where that differs from the usual.
        acknowledge: which acknowledgment goes back; "auto": what the standard and the sender ask for.
        all_or_nothing: one rejected set rejects all that the file has under this agreement.
        duplicates: what a file that came before gets: the same acknowledgment once more; a new one that rejects it as
            a duplicate (TA1 025, CONTRL 26, HL7 AR); nothing.
        number_used: what becomes of other content under a control number that was used before: many partners begin
            anew from 1, so that it passes and is told; or it is rejected.
        duplicate_days: a control number that was used so long ago is free again; 0: nothing is ever a duplicate.
        ack_folder, ack_name: where acknowledgments lie, and how they are called: `{name}` and `{stem}` of the file,
            `{kind}` (ta1, 997, 999, contrl, ack), `{control_number}` of the interchange, our own `{number}`, `{date}`
            and `{time}` (UTC).
        quote_codes: an acknowledgment may repeat a wrong code.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    standard: Text | None = None
    set: Text | None = None
    version: Text | None = None
    sender: Text | None = None
    receiver: Text | None = None
    usage: Text | None = None
    guide: Text | None = None
    levels: dict[Annotated[int, Field(ge=1, le=7)], Treatment] = {}
    acknowledge: Literal["auto", "none", "ta1", "997", "999", "contrl", "hl7"] = "auto"
    all_or_nothing: bool = False
    duplicates: Literal["repeat", "ta1-025", "silent"] = "repeat"
    number_used: Literal["flag", "reject"] = "flag"
    duplicate_days: Annotated[int, Field(ge=0, le=3660)] = 90
    ack_folder: OutFolder = "/outbound"
    ack_name: Text = "{name}.{kind}"
    quote_codes: bool = True

    @field_validator("ack_name")
    @classmethod
    def _is_a_template(cls, template: str) -> str:
        return check_template(template, ACK_FIELDS)

    def matches(
        self,
        *,
        standard: str,
        set: str | None,  # noqa: A002  The key's name in the file.
        version: str | None,
        sender: str | None,
        receiver: str | None,
        usage: str | None,
    ) -> bool:
        """Whether it is for such a set; None is what a file does not say."""
        return (
            self.standard in {None, standard}
            and self.set in {None, set}
            and (self.version is None or (version or "").startswith(self.version))
            and self.sender in {None, sender}
            and self.receiver in {None, receiver}
            and self.usage in {None, usage}
        )

    def ack_called(self, fields: Mapping[str, bytes]) -> bytes:
        """An acknowledgment's name; `fields` has all of ACK_FIELDS. Of one that is too long the end is kept."""
        return fill(self.ack_name, fields)
