"""The folder door: files that lie in folders of a file system become transfers.

door.py      which folders are watched, and what wakes their watches
watch.py     one watched folder: what lies in it, when it is taken, how it is received
claims.py    a folder while it is open: files are claimed by a rename, and removed when they were received
beneath.py   the system calls of it, none of which follows a link
trailer.py   whether EDI ends as it must
outlook.py   what is wrong with watched folders, for those who set them up
"""

from mft.endpoints.folder.door import FolderDoor
from mft.endpoints.folder.watch import House

__all__ = ["FolderDoor", "House"]
