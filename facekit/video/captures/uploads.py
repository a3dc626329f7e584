"""Targets of captures: a folder or an S3 bucket. boto3 is imported only for a bucket."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from facekit.core.errors import UsageError, VideoError
from facekit.core.files import user_state, writable_folder
from facekit.core.lazy_imports import from_extra
from facekit.video.captures.spool import Spool, UploadError, write_capture

CONTENT_TYPES = {".jpg": "image/jpeg", ".json": "application/json"}
TIMEOUTS = (5, 15)  # seconds: to connect, and between bytes
TEMPORARY_CODES = {"RequestTimeout", "SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded"}


class Folder:
    """A folder of captures.

    Raises:
        FaceKitError: if it cannot be created or written to.
    """

    def __init__(self, target: str) -> None:
        self.folder = writable_folder(target)

    def add(self, name: str, picture: bytes, metadata: bytes) -> None:
        """Writes a capture. Raises OSError."""
        write_capture(self.folder, name, picture, metadata)

    def close(self) -> None:
        """Does nothing: captures are written at once."""


class Bucket:
    """A bucket of S3 or of a compatible server. Credentials are found as by all AWS programs.

    Args:
        url: s3://bucket or s3://bucket/prefix.
        endpoint: address of a compatible server, e.g. http://localhost:9000; its buckets are addressed as paths.
        encryption: server-side encryption: AES256, aws:kms, aws:kms:dsse; with kms, ":" and a key's id may follow.

    Raises:
        UsageError: if an argument is not allowed.
        FaceKitError: if boto3, credentials or the bucket are missing. An unreachable server is no error: captures wait.
    """

    def __init__(self, url: str, endpoint: str | None = None, encryption: str | None = None) -> None:
        self.url = url.rstrip("/")
        self.name, _, prefix = self.url.removeprefix("s3://").partition("/")
        if not re.fullmatch(r"[A-Za-z0-9._-]{3,255}", self.name):
            raise UsageError(
                "A bucket must be given as s3://bucket/prefix, with 3 or more letters, digits, dots and hyphens. "
                f"Received: {url}.",
                argument="capture_to",
            )
        self._prefix = f"{prefix.strip('/')}/" if prefix else ""
        self._encryption = _encryption(encryption)
        self._client = _client(endpoint)
        self._check()

    def put(self, name: str, data: bytes) -> None:
        """Uploads a file, replacing one of the same name.

        Raises:
            UploadError: if the server did not confirm it.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        kind = CONTENT_TYPES[Path(name).suffix]
        try:
            self._client.put_object(
                Bucket=self.name, Key=self._prefix + name, Body=data, ContentType=kind, **self._encryption
            )
        except (BotoCoreError, ClientError) as error:
            reason = _line(error)
            if _is_temporary(error):
                raise UploadError(f"{self.url} takes no captures now: {reason}.", is_permanent=False) from error
            raise UploadError(
                f"{self.url} refuses captures: {reason}. Allow s3:PutObject, or choose another bucket.",
                is_permanent=True,
                argument="capture_to",
            ) from error

    def _check(self) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._client.head_bucket(Bucket=self.name)
        except ClientError as error:
            # "Forbidden" is no error: with write permission only, this request is forbidden. The first upload tells.
            if _status(error) == 404:
                raise VideoError(
                    f"There is no bucket {self.name}. Create it, or choose another one.", argument="capture_to"
                ) from error
        except BotoCoreError as error:
            if not _is_temporary(error):
                raise _unusable(error) from error


def open_target(
    target: str, endpoint: str | None, encryption: str | None, note: Callable[[str], None]
) -> Folder | Spool:
    """Opens a folder, or a spool that uploads to a bucket.

    Args:
        target: a folder, or s3://bucket/prefix.
        endpoint, encryption: as for `Bucket`.
        note: receives one-line messages about failed uploads, from a thread.

    Raises:
        UsageError: if the target or an option is not allowed.
        FaceKitError: if the target cannot be used.
    """
    if target.startswith("s3://"):
        bucket = Bucket(target, endpoint, encryption)
        # Captures for one server must not go to another, nor go unencrypted if they were to be encrypted.
        digest = hashlib.sha256(f"{bucket.url} {endpoint} {encryption}".encode()).hexdigest()[:12]
        return Spool(user_state() / "facekit" / "captures" / f"{bucket.name}-{digest}", bucket.put, note)
    if "://" in target:
        raise UsageError(
            f"Captures must go to a folder or to s3://bucket/prefix. Received: {target}.", argument="capture_to"
        )
    if endpoint or encryption:
        raise UsageError(
            f"An S3 endpoint or encryption needs a target of the form s3://bucket/prefix. Received: {target}.",
            argument="capture_to",
        )
    return Folder(target)


def _client(endpoint: str | None) -> Any:
    with from_extra("s3"):
        from boto3.session import Session
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    message = f"An S3 endpoint must be an address such as http://host:9000. Received: {endpoint}."
    if endpoint and not re.match(r"https?://", endpoint):
        raise UsageError(message, argument="s3_endpoint")
    connect, read = TIMEOUTS
    settings: dict[str, Any] = {}
    if endpoint:
        # Not all compatible servers have a domain for each bucket, or Amazon's newer checksums.
        settings = {"s3": {"addressing_style": "path"}, "request_checksum_calculation": "when_required"}
    config = Config(connect_timeout=connect, read_timeout=read, retries={"total_max_attempts": 1}, **settings)
    try:
        return Session().client("s3", endpoint_url=endpoint, config=config)
    except ValueError as error:
        raise UsageError(message, argument="s3_endpoint") from error
    except BotoCoreError as error:
        raise _unusable(error) from error


def _unusable(error: Exception) -> VideoError:
    return VideoError(
        f"S3 cannot be used: {_line(error)}. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE."
    )


def _encryption(text: str | None) -> dict[str, str]:
    """Returns the arguments of put_object."""
    if text is None:
        return {}
    match = re.fullmatch(r"AES256|(aws:kms(?::dsse)?)(?::(.+))?", text)
    if not match:
        raise UsageError(
            f"S3 encryption must be AES256, aws:kms or aws:kms:KEY. Received: {text}.", argument="s3_encryption"
        )
    key = {"SSEKMSKeyId": match[2]} if match[2] else {}
    return {"ServerSideEncryption": match[1] or text, **key}


def _line(error: Exception) -> str:
    """Formats an error as one line without a full stop."""
    from botocore.exceptions import ClientError

    words = [str(error)]
    if isinstance(error, ClientError):
        answer = error.response["Error"]
        words = [str(_status(error)), answer.get("Code", ""), answer.get("Message", "")]
    return " ".join(" ".join(dict.fromkeys(words)).split()).rstrip(".")


def _status(error: Any) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


def _is_temporary(error: Exception) -> bool:
    from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

    if isinstance(error, ClientError):
        status = _status(error)
        return status >= 500 or status in (408, 429) or error.response["Error"]["Code"] in TEMPORARY_CODES
    return isinstance(error, (ConnectionError, HTTPClientError))
