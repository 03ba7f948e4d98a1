"""What a webhook says of itself, and what it makes of an answer."""

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook as Verifier

from mft.errors import BadConfig, NameTaken
from mft.pipeline.emit import Gone, Later, Unreached
from mft.sinks.web import Answer
from mft.sinks.webhook import _escaped, _verdict, retry_after, secret_in, signature, write_secret

PUBLISHED = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # The example of the specification.


def secret(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o400)
    return path


def test_the_published_example(tmp_path: Path) -> None:
    key = secret_in(secret(tmp_path / "s", PUBLISHED + "\n"))
    said = signature([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert said == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_receiver_verifies_it_by_either_secret(tmp_path: Path) -> None:
    texts = []
    for name in ("new", "old"):
        write_secret(tmp_path / name)
        texts.append((tmp_path / name).read_text().strip())
    keys = [secret_in(tmp_path / name) for name in ("new", "old")]
    now = int(datetime.now(UTC).timestamp())
    body = '{"a":1}'
    headers = {
        "webhook-id": "e1", "webhook-timestamp": str(now), "webhook-signature": signature(keys, "e1", now, body.encode())
    }  # fmt: skip
    for text in texts:
        assert Verifier(text).verify(body, headers) == {"a": 1}
    write_secret(tmp_path / "other")
    with pytest.raises(Exception, match="No matching signature"):
        Verifier((tmp_path / "other").read_text().strip()).verify(body, headers)


def test_a_secret_is_made_once_and_for_us_alone(tmp_path: Path) -> None:
    path = tmp_path / "s"
    write_secret(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert len(secret_in(path)) == 32
    with pytest.raises(NameTaken):
        write_secret(path)


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_%%%", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
def test_what_is_no_secret_is_said_so(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadConfig, match="whsec_"):
        secret_in(secret(tmp_path / "s", text))


@pytest.mark.parametrize(
    ("status", "said"),
    [(200, ""), (204, ""), (299, ""), (301, "webhook.301"), (400, "webhook.400"), (401, "webhook.401"),
     (404, "webhook.404"), (413, "webhook.413"), (500, "webhook.500")],
)  # fmt: skip
def test_what_a_status_means_for_the_event(status: int, said: str) -> None:
    assert _verdict(Answer(status, {})) == said


@pytest.mark.parametrize("status", [408, 425, 429, 502, 503, 504])
def test_what_says_nothing_about_the_event(status: int) -> None:
    with pytest.raises(Unreached, match=f"webhook.{status}"):
        _verdict(Answer(status, {}))
    with pytest.raises(Later) as caught:
        _verdict(Answer(status, {"retry-after": "99999"}))
    assert caught.value.seconds == 3600


def test_what_ends_it() -> None:
    with pytest.raises(Gone):
        _verdict(Answer(410, {}))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("", None), ("0", 0.0), ("120", 120.0), ("-1", None), ("soon", None), ("\u0663", None),
     ("Thu, 01 Jan 1970 00:03:20 GMT", 100.0), ("Thu, 01 Jan 1970 00:00:20 GMT", 0.0)],
)  # fmt: skip
def test_when_to_come_again(text: str, seconds: float | None) -> None:
    assert retry_after(text, 100.0) == seconds


@pytest.mark.parametrize(("value", "header"), [("acme", "acme"), ("a b", "a%20b"), ('"%', "%22%25"), ("é", "%C3%A9")])
def test_an_attribute_as_a_header(value: str, header: str) -> None:
    assert _escaped(value) == header
