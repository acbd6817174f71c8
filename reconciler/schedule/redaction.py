"""Remove secrets from values before anything can render them."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from reconciler import json_values
from reconciler.credentials import detection, held
from reconciler.schedule import governed, model, paths

HIDDEN = "(secret)"  # replaces a secret if a digest is unknown, or not needed for comparison
_DIGEST = re.compile(r"\((secret|encrypted), (sha256|hmac):[0-9a-f]{12}\)")
# Last words of the keys in entries such as {name: DB_PASSWORD, value: …}; words in the _ANY sets have other uses too.
_NAME_KEYS = {"name", "key", "field", "header", "variable", "var", "env", "param", "parameter", "k"}
_ANY_NAME_KEYS = {"id", "identifier", "label", "property", "setting", "option", "n"}
_VALUE_KEYS = {"value", "val", "v"}
_ANY_VALUE_KEYS = {"content", "data", "default", "plaintext", "literal"}
_PAIR = 2

is_secret = detection.is_secret


class Digest(str):
    """Replaces a secret value; `stable` is the same for every salt, or None if unknown."""

    stable: str | None = None


def redact(value: json_values.Json, *names: str) -> json_values.Json:
    """Return the value with every secret in it replaced by a digest.

    A value is secret if its name, or a name above it (`names`, outermost first), contains a word such as token, secret,
    password, or key. A string, even an object's key, is secret if it contains what looks like a credential; so is
    the value under such a key. Equal secrets have equal digests, so changes are still visible.
    """
    return Redaction().value(value, (), *names)


@dataclasses.dataclass(frozen=True, slots=True)
class Redaction:
    """Removes secrets from values, except at the `exempt` paths and below them.

    `salt` is the key for the digests. If a codec encoded a schedule's payloads (`coded`), each argument, memo entry,
    summary, and details value is replaced as a whole.
    """

    exempt: frozenset[paths.Path] = frozenset()
    salt: bytes = b""
    coded: bool = False

    def value(self, value: json_values.Json, at: paths.Path, *names: str) -> json_values.Json:
        """Return the value with secrets removed; `at` is its path, and any of `names` can mark it as a secret."""
        if self.is_exempt(at):
            return value
        secret = any(is_secret(name) or _looks_secret(name) for name in names)
        if secret and not self._leads_to_exempt(at):
            return digest(value, self.salt)
        match value:
            case Mapping():
                return self.mapping(value, at, names if secret else ())
            case str():
                return _text(value, self.salt)
            case Sequence():
                return [self._item(value, index, at, names if secret else ()) for index in range(len(value))]
            case int() | float() if held.is_in(str(value)):
                return digest(value, self.salt)
            case _:
                return value

    def text(self, text: str, *at: str | int) -> str:
        """Return the string, or a digest if it contains what looks like a credential."""
        return text if self.is_exempt(at) else _text(text, self.salt)

    def texts(self, texts: Sequence[str], *at: str | int) -> tuple[str, ...]:
        """Return the strings in a list, redacted as by `text`."""
        return tuple(self.text(each, *at, index) for index, each in enumerate(texts))

    def mapping(
        self,
        value: Mapping[str, json_values.Json],
        at: paths.Path,
        names: Sequence[str] = (),
        roots: Sequence[str] = (),
    ) -> dict[str, json_values.Json]:
        """Redact an object; in an entry such as {name: …, value: …}, the value is redacted as if under that name.

        The path of a key that is one of the `roots` begins with that key.
        """
        named = _named(value)
        redacted: dict[str, json_values.Json] = {}
        for key, inner in value.items():
            path: paths.Path = (key,) if key in roots else (*at, key)
            shown = key if self.is_exempt(path) or self._leads_to_exempt(path) else _text(key, self.salt)
            if key in named.values() and not names:
                redacted[shown] = self.text(str(inner), *path)
            else:
                redacted[shown] = self.value(inner, path, *names, *_names(value, key, named.get(key)))
        return redacted

    def _item(
        self, items: Sequence[json_values.Json], index: int, at: paths.Path, names: Sequence[str]
    ) -> json_values.Json:
        """Redact a list item, which may be the value of the option before it, or a name and its value as a pair."""
        item, path = items[index], (*at, index)
        before = items[index - 1] if index else None
        if self.is_exempt(path) or self._leads_to_exempt(path):
            return self.value(item, path, *names)
        is_option = isinstance(before, str) and detection.is_option(before)
        if is_option or (isinstance(item, str | int | float) and detection.names_next(before, item)):
            return digest(item, self.salt)
        match item:
            case [str() as name, inner] if not names and _is_pair(items, name, inner):
                return [_text(name, self.salt), digest(inner, self.salt)]
            case _:
                return self.value(item, path, *names)

    def argument(self, argument: model.Argument, at: paths.Path, *names: str) -> model.Argument:
        """Redact a payload; one that is not plain JSON is never shown, so only its bytes are removed."""
        if isinstance(argument, model.Opaque):
            return argument if self.is_exempt(at) else dataclasses.replace(argument, data=None)
        return digest(argument, self.salt, "encrypted") if self.coded else self.value(argument, at, *names)

    def searchable(self, value: model.Argument, at: paths.Path, *names: str) -> model.Argument:
        """Redact the value of a search attribute; codecs do not encode these, because the server indexes them."""
        return value if isinstance(value, model.Opaque) else self.value(value, at, *names)

    def arguments(self, arguments: tuple[model.AnyArgument, ...]) -> tuple[model.AnyArgument, ...]:
        """Redact a workflow's arguments; the keys of the built-in argument object are separate fields."""
        match arguments:
            case [Mapping() as first, *others] if not self.coded and not self.is_exempt(("args", 0)):
                more = (self._any_argument(each, ("args", index)) for index, each in enumerate(others, start=1))
                return (self.mapping(first, ("args", 0), roots=governed.ARGUMENT_KEYS), *more)
            case _:
                return tuple(self._any_argument(each, ("args", index)) for index, each in enumerate(arguments))

    def _any_argument(self, argument: model.AnyArgument, at: paths.Path) -> model.AnyArgument:
        if isinstance(argument, model.Message):
            inner: json_values.Json = digest(argument.value, self.salt, "encrypted")
            if not self.coded:
                inner = self.value(argument.value, (*at, "data"))
            return model.Message(message_type=self.text(argument.message_type, *at, "message_type"), value=inner)
        return self.argument(argument, at)

    def is_exempt(self, at: paths.Path) -> bool:
        """Return whether the value at a path is declared not to be secret."""
        return bool(self.exempt) and any(at[:length] in self.exempt for length in range(1, len(at) + 1))

    def _leads_to_exempt(self, at: paths.Path) -> bool:
        return any(path[: len(at)] == at for path in self.exempt)


def _named(value: Mapping[str, json_values.Json]) -> dict[str, str]:
    """Return, for each key with a value, the key that holds that value's name.

    `{value: name}` for `{name: DB_PASSWORD, value: …}`, and `{dbValue: dbKey}` for `{dbKey: PASSWORD, dbValue: …}`.
    """
    parts = [(key, *detection.stem(key)) for key in value]
    names = {
        stem: key for key, stem, last in parts if last in _NAME_KEYS | _ANY_NAME_KEYS and _is_name(key, value[key])
    }
    if not names:
        return {}
    return {key: names[stem] for key, stem, last in parts if last in _VALUE_KEYS | _ANY_VALUE_KEYS and stem in names}


def _names(value: Mapping[str, json_values.Json], key: str, name_key: str | None) -> tuple[str, ...]:
    """Return the names that can mark a key's value as a secret: the key itself, and the value of `name_key`."""
    name = value[name_key] if name_key is not None and value[key] is not None else None
    return (key, name) if isinstance(name, str) and name_key and _names_secret(name_key, name, key) else (key,)


def _is_name(key: str, name: json_values.Json) -> bool:
    return isinstance(name, str) and not detection.is_strong(key) and (is_secret(name) or detection.is_words(name))


def _names_secret(key: str, name: str, value_key: str) -> bool:
    """Return whether an entry's name is that of a secret; under less common keys, the name must be unambiguous."""
    usual = detection.stem(key)[1] in _NAME_KEYS and detection.stem(value_key)[1] in _VALUE_KEYS
    return is_secret(name) if usual else detection.is_exact(name)


def _is_pair(items: Sequence[json_values.Json], name: str, value: json_values.Json) -> bool:
    """Return whether a pair in a list is a secret's name and value: its name is unambiguous, or all items are pairs."""
    if detection.is_strong(name) and " " not in name:
        return True
    pairs = [each for each in items if isinstance(each, list | tuple) and len(each) == _PAIR]
    return len(pairs) == len(items) and detection.is_pair(name, value)


def differences(value: json_values.Json, redacted: json_values.Json, path: str) -> Iterator[str]:
    """Compare a value with its redacted form, and yield the paths of its secrets, such as `input.api_key`."""
    match value, redacted:
        case Mapping(), Mapping():
            for (key, inner), (name, shown) in zip(value.items(), redacted.items(), strict=True):
                if key != name:
                    yield f"{path}.{name}"
                yield from differences(inner, shown, f"{path}.{name}")
        case ((list() | tuple()), (list() | tuple())):
            for index, (inner, shown) in enumerate(zip(value, redacted, strict=True)):
                yield from differences(inner, shown, f"{path}[{index}]")
        case _:
            if redacted != value:
                yield path


def text(text: str | None) -> str | None:
    """Return a string that is only displayed, or `HIDDEN` if it contains what looks like a credential."""
    return HIDDEN if text is not None and _looks_secret(text) else text


def _text(text: str, salt: bytes) -> str:
    return digest(text, salt) if _looks_secret(text) or _DIGEST.fullmatch(text) else text


def _looks_secret(text: str) -> bool:
    return detection.in_text(text) or held.is_in(text) or _has_secret_json(text)


def _has_secret_json(text: str) -> bool:
    if text.strip()[:1] not in ("{", "["):
        return False
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return bool(redact(value) != value)


def digest(value: json_values.Json, salt: bytes, what: str = "secret") -> Digest:
    """Return the digest that replaces a value; a digest from an earlier redaction is returned unchanged.

    Without a salt, it has the format that was used before salts were added.
    """
    if isinstance(value, Digest):
        return value
    if isinstance(value, str) and _DIGEST.fullmatch(value):
        return Digest(value)
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    plain = hashlib.sha256(canonical).hexdigest()
    keyed = f"hmac:{hmac.new(salt, canonical, hashlib.sha256).hexdigest()[:12]}" if salt else f"sha256:{plain[:12]}"
    replacement = Digest(f"({what}, {keyed})")
    replacement.stable = f"({what}, sha256:{plain})"
    return replacement


def stable(value: json_values.Json) -> json_values.Json:
    """Return a redacted value in the form that is the same for every salt; unknown digests become `HIDDEN`."""
    return _replaced(value, lambda digest: digest.stable or HIDDEN)


def without_digests(value: json_values.Json) -> json_values.Json:
    """Return a redacted value, or a path, with each digest replaced by `HIDDEN`."""
    return _replaced(value, lambda _: HIDDEN)


def _replaced(value: json_values.Json, replace: Callable[[Digest], str]) -> json_values.Json:
    match value:
        case Digest():
            return replace(value)
        case str():
            return _DIGEST.sub(HIDDEN, value)
        case Mapping():
            return {str(_replaced(name, replace)): _replaced(inner, replace) for name, inner in value.items()}
        case Sequence():
            return [_replaced(each, replace) for each in value]
        case _:
            return value
