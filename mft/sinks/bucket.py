"""A bucket of an S3-style store that keeps checkpoints: one PUT each, signed by AWS Signature Version 4.

Turn on the store's object lock or versioning, and give the key the right to put and no other: then nobody who takes
this host over can take a checkpoint back.

Spec: docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html.
"""

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from mft.crypto.keys import read_key_file
from mft.sinks.checkpoints import identify
from mft.sinks.web import request

_ALGORITHM: Final = "AWS4-HMAC-SHA256"


def signed_headers(
    *, path: str, host: str, body: bytes, at: datetime, region: str, access_key_id: str, secret_key: str
) -> dict[str, str]:
    """The headers of a PUT of `body`, its Authorization among them. `path` is encoded already."""
    moment, day = f"{at:%Y%m%dT%H%M%SZ}", f"{at:%Y%m%d}"
    digest = hashlib.sha256(body).hexdigest()
    md5 = hashlib.md5(body, usedforsecurity=False).digest()  # A bucket with object lock asks for it.
    headers = {
        "content-md5": base64.b64encode(md5).decode(),
        "content-type": "text/plain; charset=utf-8",
        "host": host,
        "x-amz-content-sha256": digest,
        "x-amz-date": moment,
    }
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    request = f"PUT\n{path}\n\n{lines}\n{names}\n{digest}"
    scope = f"{day}/{region}/s3/aws4_request"
    to_sign = f"{_ALGORITHM}\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = b"AWS4" + secret_key.encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    credential = f"{access_key_id}/{scope}"
    authorization = f"{_ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}"
    return {**headers, "authorization": authorization}


class Bucket:
    """Objects are called `PREFIX ORIGIN/SIZE.txt`, what is no plain letter in the origin a dash.

    `endpoint` is `https://HOST[:PORT]`; plain http is for this host alone, which `mft.config` sees to.
    """

    def __init__(
        self, *, endpoint: str, bucket: str, prefix: str, region: str, access_key_id: str, secret_key_file: Path
    ) -> None:
        self.id = identify("bucket", endpoint, bucket, prefix)
        self._origin = endpoint
        self._under = f"/{quote(bucket)}/{quote(prefix)}"
        self._region = region
        self._access_key_id = access_key_id
        self._secret_key_file = secret_key_file

    def send(self, size: int, note: str) -> None:
        origin = "".join(c if c.isascii() and (c.isalnum() or c in "._") else "-" for c in note.partition("\n")[0])
        path = f"{self._under}{quote(origin)}/{size}.txt"
        body = note.encode()
        headers = signed_headers(
            path=path,
            host=urlsplit(self._origin).netloc,
            body=body,
            at=datetime.now(UTC),
            region=self._region,
            access_key_id=self._access_key_id,
            secret_key=read_key_file(self._secret_key_file, private=True).strip(),
        )
        request("PUT", self._origin, path, headers, body)
