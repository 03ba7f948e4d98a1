"""A file on its way in, between the session that hears its bytes and the threads that seal them."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from mft.domain import Principal
from mft.endpoints.limits import Intake
from mft.errors import Broken, Busy, MFTError, NotSupported, NotWhole
from mft.pipeline.receive import Begin, Keep
from mft.pipeline.upload import Upload

if TYPE_CHECKING:
    from mft.endpoints.sftp.door import SftpDoor

_SEGMENTS_AHEAD: Final = 4  # Full segments that may wait for the disk before we stop reading.


class Writing:
    """One upload at the door, from its OPEN until its name is free again.

    Bytes are taken in as they come; whatever takes time is done in turns, one at a time. `refused` is why it cannot
    become a file any more; nothing else is done to it then but to give it up.
    """

    def __init__(
        self,
        door: "SftpDoor",
        principal: Principal,
        upload: Upload,
        intake: Intake,
        on_behind: "Callable[[Writing], None]",
    ) -> None:
        self.upload = upload
        self.refused: MFTError | None = None
        self._on_behind = on_behind
        self._door = door
        self._principal = principal
        self._intake = intake
        self._turn = asyncio.Lock()
        self._working = False
        self._ends = False  # By its CLOSE, or because its connection has.

    @property
    def is_behind(self) -> bool:
        """Whether no more bytes should come for now."""
        return self._goes_on and self.upload.behind > _SEGMENTS_AHEAD

    # Where bytes come in

    def write(self, offset: int, data: memoryview) -> None:
        """Take in bytes, unless the file is refused already."""
        if self.refused is None:
            try:
                self._intake.take(len(data))
                self.upload.write(offset, data)
            except MFTError as error:
                self.refused = error
            else:
                self._push()

    def truncate(self, size: int) -> None:
        if self.refused is None:
            try:
                self.upload.truncate(size)
            except MFTError as error:
                self.refused = error
            else:
                self._push()

    def _push(self) -> None:
        """Have what came in worked on."""
        if self.upload.behind and not self._working and not self._ends:
            self._working = True
            self._door.spawn(self._work())
        if self.is_behind:
            self._on_behind(self)

    # In turns

    async def _work(self) -> None:
        try:
            while self.upload.behind and self._goes_on:
                async with self._turn:
                    if self._goes_on:
                        await self._in_thread(self.upload.work)
                        await self._enter(self.upload.begin())
                self._on_behind(self)
        except Exception as error:  # noqa: BLE001  Of this file alone; it is given up.
            self._fail(error)
        finally:
            self._working = False
            self._on_behind(self)

    @property
    def _goes_on(self) -> bool:
        return self.refused is None and not self._ends

    async def _in_thread(self, call: Callable[[], Any]) -> Any:
        return await self._door.in_thread(self._principal, call)

    async def _enter(self, command: Begin | None) -> None:
        if command is not None:
            await asyncio.wrap_future(self._door.submit(command))
            self.upload.entered(command)

    def _fail(self, error: BaseException) -> MFTError:
        """Refuse the file from here on; returns why."""
        known = error if isinstance(error, MFTError) else MFTError("a fault of mft itself")
        self.refused = self.refused or known
        if isinstance(known, Broken):
            self._door.on_broken(known)
        return known

    async def put_on_disk(self) -> None:
        """Seal and enter what came so far. Raises NotSupported, and the file goes on; any other error ends it."""
        async with self._turn:
            if self.refused is not None:
                raise self.refused
            if self._ends:
                raise Busy("the connection has ended")
            try:
                self.upload.part()
                await self._enter(await self._in_thread(self.upload.seal_part))
            except NotSupported:
                raise
            except BaseException as error:  # Whatever it was, the file ends here.
                raise self._fail(error) from error
            finally:
                self._on_behind(self)

    async def receive(self, *, publish: bool, repeat_since: int, heard: tuple[str, ...]) -> str:
        """The "yes": returns when sealed bytes and row are durable. Raises, and the file is given up."""
        self._ends = True
        upload = self.upload
        async with self._turn:
            try:
                if self.refused is not None:
                    raise self.refused
                if not upload.written and upload.only_from_start is not None:
                    raise NotSupported(upload.only_from_start)
                finish = partial(upload.finish, publish=publish, repeat_since=repeat_since, heard=heard)
                command = await self._in_thread(finish) if upload.slow else finish()
                transfer = str(await asyncio.wrap_future(self._door.submit(command)))
            except BaseException as error:  # Whatever it was, the file is not received.
                known = self._fail(error)
                await self._give_up()
                raise known from error
            self._door.release_name(upload.arrival)
            return transfer

    async def break_off(self) -> None:
        """The connection has ended: publish nothing; keep what arrived, unless it is of no use."""
        self._ends = True
        async with self._turn:
            await self._give_up()

    async def _give_up(self) -> None:
        try:
            if isinstance(self.refused, Broken):
                return  # The row may be there after all: its bytes stay for the next start.
            command = await self._what_stays()
            if command is not None:
                await asyncio.wrap_future(self._door.submit(command))
        except Broken as error:
            self._door.on_broken(error)
        except Exception:  # noqa: BLE001  A full disk. What the ledger still knows of it goes when the name is used again.
            return
        finally:
            self._door.release_name(self.upload.arrival)

    async def _what_stays(self) -> Keep | None:
        why = self.refused
        if why is None or isinstance(why, NotWhole):
            try:
                kept: Keep | None = await self._in_thread(lambda: self.upload.keep(str(why or "the connection ended")))
            except Broken:
                raise
            except Exception as error:  # noqa: BLE001  What cannot be kept is forgotten, and the fact is kept.
                why = error if isinstance(error, MFTError) else MFTError("a fault of mft itself")
            else:
                return kept
        return self.upload.abandon(str(why))
