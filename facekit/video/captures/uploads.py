"""Uploads to a bucket of S3 or of a compatible server. Imported only for a bucket, as it needs boto3."""

import re
from pathlib import Path
from typing import Any

from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError

from facekit.core.errors import UsageError, VideoError
from facekit.video.captures.spool import RefusedError, UploadError

CONTENT_TYPES = {".jpg": "image/jpeg", ".json": "application/json"}
TIMEOUTS = (5, 15)  # seconds: to connect, and between bytes
TEMPORARY_CODES = {"RequestTimeout", "SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded"}


class Bucket:
    """A bucket of S3 or of a compatible server. Credentials are found as by all AWS programs.

    Args:
        url: s3://bucket or s3://bucket/prefix.
        endpoint: address of a compatible server, e.g. http://localhost:9000; its buckets are addressed as paths.
        encryption: server-side encryption: AES256, aws:kms, aws:kms:dsse; with kms, ":" and a key's id may follow.

    Raises:
        UsageError: if an argument is not allowed.
        VideoError: if credentials or the bucket are missing. An unreachable server is no error: captures wait.
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
        try:
            self._client = _client(endpoint)
            self._client.head_bucket(Bucket=self.name)
        except ClientError as error:
            # "Forbidden" is no error: with write permission only, this request is forbidden. The first upload tells.
            if _status(error) == 404:
                raise VideoError(
                    f"There is no bucket {self.name}. Create it, or choose another one.", argument="capture_to"
                ) from error
        except BotoCoreError as error:
            if not _is_temporary(error):
                raise VideoError(
                    f"S3 cannot be used: {_line(error)}. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
                    "or AWS_PROFILE."
                ) from error

    def put(self, name: str, data: bytes) -> None:
        """Uploads a file, replacing one of the same name. Raises UploadError if the server did not confirm it."""
        kind = CONTENT_TYPES[Path(name).suffix]
        try:
            self._client.put_object(
                Bucket=self.name, Key=self._prefix + name, Body=data, ContentType=kind, **self._encryption
            )
        except (BotoCoreError, ClientError) as error:
            reason = _line(error)
            if _is_temporary(error):
                raise UploadError(f"{self.url} takes no captures now: {reason}.") from error
            raise RefusedError(
                f"{self.url} refuses captures: {reason}. Allow s3:PutObject, or choose another bucket."
            ) from error


def _client(endpoint: str | None) -> Any:
    connect, read = TIMEOUTS
    settings: dict[str, Any] = {}
    if endpoint:
        # Not all compatible servers have a domain for each bucket, or Amazon's newer checksums.
        settings = {"s3": {"addressing_style": "path"}, "request_checksum_calculation": "when_required"}
    config = Config(connect_timeout=connect, read_timeout=read, retries={"total_max_attempts": 1}, **settings)
    try:
        if endpoint and not re.match(r"https?://", endpoint):
            raise ValueError
        return Session().client("s3", endpoint_url=endpoint, config=config)
    except ValueError as error:
        message = f"An S3 endpoint must be an address such as http://host:9000. Received: {endpoint}."
        raise UsageError(message, argument="s3_endpoint") from error


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
    words = [str(error)]
    if isinstance(error, ClientError):
        answer = error.response["Error"]
        words = [str(_status(error)), answer.get("Code", ""), answer.get("Message", "")]
    return " ".join(" ".join(dict.fromkeys(words)).split()).rstrip(".")


def _status(error: Any) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


def _is_temporary(error: Exception) -> bool:
    if isinstance(error, ClientError):
        status = _status(error)
        return status >= 500 or status in (408, 429) or error.response["Error"]["Code"] in TEMPORARY_CODES
    return isinstance(error, (ConnectionError, HTTPClientError))
