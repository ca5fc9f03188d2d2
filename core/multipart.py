"""The body of a request that carries files (multipart/form-data, RFC 7578)."""

import secrets
from collections.abc import Mapping, Sequence


def multipart(
    fields: Mapping[str, str], files: Sequence[tuple[str, str, str, bytes]] = ()
) -> tuple[str, bytes]:
    """Return (content type, body) of a form; ``files`` are (field, file name, content type, content).

    Names of files come from people: what could end their header is percent-encoded, as browsers do it.
    """
    boundary = secrets.token_hex(16)
    parts: list[bytes] = []
    for name, value in fields.items():
        parts.append(_part(boundary, f'form-data; name="{_quoted(name)}"', "", value.encode()))
    for name, file_name, content_type, content in files:
        disposition = f'form-data; name="{_quoted(name)}"; filename="{_quoted(file_name)}"'
        parts.append(_part(boundary, disposition, _plain_type(content_type), content))
    return f"multipart/form-data; boundary={boundary}", b"".join([*parts, f"--{boundary}--\r\n".encode()])


def _part(boundary: str, disposition: str, content_type: str, content: bytes) -> bytes:
    head = f"--{boundary}\r\nContent-Disposition: {disposition}\r\n"
    if content_type:
        head += f"Content-Type: {content_type}\r\n"
    return f"{head}\r\n".encode() + content + b"\r\n"


def _quoted(name: str) -> str:
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _plain_type(content_type: str) -> str:
    usable = content_type.isascii() and content_type.isprintable()
    return content_type if usable and content_type else "application/octet-stream"
