"""The SFTP door: asyncssh carries and authenticates, `mft.wire.sftp` speaks, `pipeline` receives.

A session works through its requests in their order; pieces of a WRITE alone are taken the moment they come. Only a
CLOSE that was received makes a file received: a connection that ends leaves nothing published.

Resource handling: a session holds one segment for each open file and the segments on their way to the disk; it stops
reading from a client that is ahead of the disk, and stops answering one that does not read its answers.
Error handling: `STATUS` turns kinds of error into status codes; what is not our own kind of error ends that session.
"""

from mft.endpoints.sftp.door import SftpDoor, admit, authenticate, bind
from mft.endpoints.sftp.session import STATUS, status_of

__all__ = ["STATUS", "SftpDoor", "admit", "authenticate", "bind", "status_of"]
