"""Encrypted payloads, through a remote codec server: the protocol of the Temporal CLI and the web UI.

The codec server encodes and decodes the workflow's input, memo, summary, and details, but not search attributes or our
own marks in the memo, which must be readable without it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import google.protobuf.json_format
import temporalio.converter
from temporalio.api.common.v1 import message_pb2 as common_pb2
from temporalio.api.schedule.v1 import message_pb2 as schedule_pb2

from reconciler import errors, settings
from reconciler.credentials import held
from reconciler.schedule import ownership
from reconciler.temporal import payloads

TIMEOUT = 10.0  # seconds, for one request
BATCH = 200  # payloads per request

_TEXTS: tuple[Literal["summary", "details"], ...] = ("summary", "details")
_Slot = tuple[str, str | int]


class Codec(Protocol):
    """Decodes the payloads of schedules, and encodes them again before they are written.

    `at_once` is how many schedules should be decoded together.
    """

    at_once: int

    async def decode(self, protos: Sequence[schedule_pb2.Schedule]) -> list[schedule_pb2.Schedule]:
        """Return copies of the schedules with their payloads decoded."""
        ...

    async def encode(
        self, edited: schedule_pb2.Schedule, *, readable: schedule_pb2.Schedule, stored: schedule_pb2.Schedule
    ) -> schedule_pb2.Schedule:
        """Return the edited schedule with its payloads encoded.

        A payload equal to the one in `readable` is copied byte for byte from `stored`.
        """
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


class Plain:
    """No codec: payloads stay as they are."""

    at_once = 20  # few responses are kept, and the event loop is never busy for long

    async def decode(self, protos: Sequence[schedule_pb2.Schedule]) -> list[schedule_pb2.Schedule]:
        return list(map(_copied, protos))

    async def encode(
        self, edited: schedule_pb2.Schedule, *, readable: schedule_pb2.Schedule, stored: schedule_pb2.Schedule
    ) -> schedule_pb2.Schedule:
        del readable, stored
        return edited

    async def close(self) -> None:
        return


class Remote:
    """A codec server: POST `{endpoint}/decode` and `{endpoint}/encode` with a list of payloads as JSON."""

    at_once = BATCH

    def __init__(self, codec: settings.Codec, namespace: str) -> None:
        self._endpoint = codec.endpoint.replace("{namespace}", namespace).rstrip("/")
        self._shown = _shown(self._endpoint)
        headers = {"X-Namespace": namespace, **dict(codec.headers)}
        headers |= {"Authorization": codec.auth} if codec.auth else {}
        if not all(text.isascii() and text.isprintable() for pair in headers.items() for text in pair):
            raise errors.UsageError(
                "a header for the codec server contains characters that are not allowed in headers",
                hint="check --codec-auth and --codec-header",
            )
        import httpx  # here, because importing it takes half as long as the whole program, and few runs need it

        self._client = httpx.AsyncClient(headers=headers, timeout=TIMEOUT)

    async def decode(self, protos: Sequence[schedule_pb2.Schedule]) -> list[schedule_pb2.Schedule]:
        decoded = [_copied(proto) for proto in protos]
        coded = [payload for proto in decoded for payload in _slots(proto).values() if _is_coded(payload)]
        await self._replace("decode", coded)
        return decoded

    async def encode(
        self, edited: schedule_pb2.Schedule, *, readable: schedule_pb2.Schedule, stored: schedule_pb2.Schedule
    ) -> schedule_pb2.Schedule:
        encoded = _copied(edited)
        known, kept = _slots(readable), _slots(stored)
        changed = []
        for slot, payload in _slots(encoded).items():
            if slot in kept and known.get(slot) == payload:
                payload.CopyFrom(kept[slot])
            else:
                changed.append(payload)
        await self._replace("encode", changed)
        return encoded

    async def close(self) -> None:
        await self._client.aclose()

    async def replaced(
        self, step: Literal["decode", "encode"], originals: Sequence[common_pb2.Payload]
    ) -> list[common_pb2.Payload]:
        """Return encoded or decoded copies of payloads that are not part of a schedule; plain ones are not decoded."""
        copies = [common_pb2.Payload.FromString(original.SerializeToString()) for original in originals]
        await self._replace(step, [copy for copy in copies if step == "encode" or _is_coded(copy)])
        return copies

    async def _replace(self, step: Literal["decode", "encode"], targets: Sequence[common_pb2.Payload]) -> None:
        """Replace each payload in place with the codec server's response."""
        for start in range(0, len(targets), BATCH):
            batch = targets[start : start + BATCH]
            answers = await self._ask(step, batch)
            for payload, answer in zip(batch, answers, strict=True):
                payload.CopyFrom(answer)

    async def _ask(self, step: str, batch: Sequence[common_pb2.Payload]) -> Sequence[common_pb2.Payload]:
        import httpx

        body = google.protobuf.json_format.MessageToJson(common_pb2.Payloads(payloads=batch), indent=None)
        try:
            response = await self._client.post(
                f"{self._endpoint}/{step}", content=body, headers={"Content-Type": "application/json"}
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            raise errors.CodecError(
                f"the codec server at {self._shown} is not responding ({reason})", hint="check --codec-endpoint"
            ) from error
        if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise errors.CodecError(
                f"the codec server at {self._shown} rejected the credentials ({response.status_code})",
                hint="check --codec-auth and --codec-header",
            )
        if response.status_code != httpx.codes.OK:
            raise errors.CodecError(
                f"the codec server at {self._shown} returned {response.status_code} for {step}",
                hint="check its log, and make sure that it has this namespace's keys",
            )
        return self._read(response.text, len(batch))

    def _read(self, text: str, count: int) -> Sequence[common_pb2.Payload]:
        try:
            answers = google.protobuf.json_format.Parse(text, common_pb2.Payloads()).payloads
        except google.protobuf.json_format.ParseError as error:
            raise self._wrong("something that is not a list of payloads") from error
        if len(answers) != count:
            raise self._wrong(f"{len(answers)} payloads instead of {count}")
        return answers

    def _wrong(self, what: str) -> errors.CodecError:
        return errors.CodecError(
            f"the codec server at {self._shown} returned {what}",
            hint="check that --codec-endpoint is the URL of a codec server",
        )


class OfWorkers(temporalio.converter.PayloadCodec):
    """The same codec server for a worker's payloads: arguments, results, and failures."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    async def encode(self, payloads: Sequence[common_pb2.Payload]) -> list[common_pb2.Payload]:
        return await self._remote.replaced("encode", payloads)

    async def decode(self, payloads: Sequence[common_pb2.Payload]) -> list[common_pb2.Payload]:
        return await self._remote.replaced("decode", payloads)


def converter(codec: Codec) -> temporalio.converter.DataConverter:
    """Return the data converter for a worker that uses this codec."""
    plain = temporalio.converter.default()
    return dataclasses.replace(plain, payload_codec=OfWorkers(codec)) if isinstance(codec, Remote) else plain


def connect(codec: settings.Codec | None, namespace: str) -> Codec:
    """Return the codec for the settings; `errors.UsageError` for an invalid address."""
    if codec is None:
        return Plain()
    return Remote(codec, namespace)


def _copied(proto: schedule_pb2.Schedule) -> schedule_pb2.Schedule:
    copied = schedule_pb2.Schedule()
    copied.CopyFrom(proto)
    return copied


def _slots(proto: schedule_pb2.Schedule) -> Mapping[_Slot, common_pb2.Payload]:
    """Return the payloads that a codec may have encoded, keyed by their place in the schedule."""
    start = proto.action.start_workflow
    slots: dict[_Slot, common_pb2.Payload] = {}
    for number, payload in enumerate(start.input.payloads):
        slots["input", number] = payload
    for name in sorted(start.memo.fields):
        if not name.startswith(ownership.MEMO_PREFIX):
            slots["memo", name] = start.memo.fields[name]
    for text in _TEXTS:
        if start.user_metadata.HasField(text):
            slots["text", text] = getattr(start.user_metadata, text)
    return slots


def is_coded(proto: schedule_pb2.Schedule) -> bool:
    """Return whether a codec encoded any payload of the schedule."""
    return any(map(_is_coded, _slots(proto).values()))


def _is_coded(payload: common_pb2.Payload) -> bool:
    return payload.metadata.get("encoding", b"").decode(errors="replace") not in payloads.STANDARD


def _shown(endpoint: str) -> str:
    """Return an endpoint without its credentials; `errors.UsageError` if it is malformed."""
    shown = held.web_address(endpoint)
    if shown is None:
        raise errors.UsageError(
            "--codec-endpoint is not a valid http or https URL",
            hint="write http://host:port or https://host/path; percent-encode special characters, such as %40 for @",
        )
    return shown
