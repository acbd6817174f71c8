"""Find credentials in a text by what they look like, whatever the field that holds it.

The forms are those of detect-secrets' plugins, restated: its keyword plugin expects lines of source code, its entropy
plugins take a commit's hash for a secret, and it brings an HTTP client that the core must not depend on.
"""

from __future__ import annotations

import re

_SECRET_WORD = re.compile("auth|dsn|jwt|keys?|otp|pass|pat|pin|pw|pwd|signature")
_SECRET_PART = re.compile(
    "authorization|bearer|connectionstring|cookie|cred(s$|ential)|database_?url|pass(code|phrase|wd|word)|secret(?!ar)"
    "|sessionid|token(?!s|i[sz])|^tokens$|webhook|(access|api|auth|encryption|master|private|signing|ssh)keys?"
)
_ORDINARY_KEY = re.compile("(composite|foreign|idempotency|partition|primary|public|sort|unique)keys?")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

_FORMS = re.compile(
    "|".join(
        (
            r"(?i:://[^\s/:@?\#]*:(?!\d{1,5}[/?\#])[^\s@]+@)",  # a URL's password, which may contain a slash
            r"://[A-Za-z0-9_-]{20,}@",  # a token instead of a user
            r"(?i:\bbearer\s+\S{6,})",
            r"(?i:\bauthorization\W{1,4}\S+\s+\S{4,})",
            r"(?i:\bbasic)\s+(?=[A-Za-z0-9+/]*[A-Z0-9])(?=[A-Za-z0-9+/]*[a-z])[A-Za-z0-9+/]{8,}={0,2}(?!\w)",
            r"-----BEGIN (?:[A-Z0-9 ]+ )?PRIVATE KEY",
            r"\b(?:AKIA|ASIA|AGPA|AROA|AIDA|ANPA|ANVA)[A-Z0-9]{16}\b",
            r"\beyJ[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*)*",  # a JSON Web Token
            r"\bgh[opsur]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}",
            r"\bxox[a-z]-[\w-]{8,}|\bxapp-\d-[\w-]{8,}",
            r"\b[rs]k_(?:live|test)_\w{8,}|\bwhsec_\w{16,}|\bsk-(?=[\w-]*\d)[\w-]{20,}",
            r"\bSG\.[\w-]{16,}\.[\w-]{16,}|\bAIza[\w-]{35}|\bya29\.[\w-]{20,}|\bSK[0-9a-f]{32}\b",
            r"\bnpm_[A-Za-z0-9]{36}|\bpypi-[\w-]{16,}|\bhf_[A-Za-z0-9]{30,}|\bdop_v1_[0-9a-f]{32,}|\bhv[bs]\.[\w-]{20,}",
            r"\b\d{8,10}:AA[\w-]{33}",  # a Telegram bot's
            r"(?i:hooks\.slack\.com/\w+/\S{8,}|discord(?:app)?\.com/api/(?:v\d+/)?webhooks/\S{8,})",
            r"(?i:\.webhook\.office\.com/\S{8,}|outlook\.office\.com/webhook/\S{8,}|hooks\.zapier\.com/hooks/\S{8,})",
            r"(?i:[?&](?:\w*sig|key|auth|code)=[^&\s]{6,})",
            r"\bcurl\b[^\n]{0,200}?\s(?:-u|--(?:proxy-)?user)[\s=]?[\"']?[^\s:$\"']+:[^\s$\"']",  # short options
            r"\bsshpass\s+-p\s*[\"']?[^\s$\"']|\bredis-cli\b[^\n]{0,200}?\s-a\s+[\"']?[^\s$\"']",
        )
    )
)
_NAMED = re.compile(r"""(?<![\w.-])-{0,2}([A-Za-z_][\w.-]*)\\?["']?\s*([=:])\s*\\?["']?(?=([^\s"',;&\\]+))""")
_OPTION = re.compile(r"(?<!\S)--?([A-Za-z][\w-]*)\s+([^\s-]\S*)")
_STRONG = re.compile(
    r"(pass(code|phrase|wd|word)s?|pwd|pw|secret|token|credentials?|signature|cookie|dsn|jwt|connectionstring"
    r"|(access|account|api|auth|encryption|master|private|secret|shared|signing|ssh)_?key)$"
)
_REFERENCE = re.compile(r"\$|<|\*{3}|\{\{|%\(|(?i:none|null|true|false)$")  # names a secret's place, or hides it


def in_text(text: str) -> bool:
    """Return whether a text contains a credential: one of a known form, or a value next to a secret's name."""
    return bool(_FORMS.search(text)) or any(map(_is_value, _NAMED.finditer(text))) or _has_option(text)


def is_secret(name: str) -> bool:
    """Return whether a name sounds like that of a secret: `api_key` and `accessToken` do, `max_tokens` does not."""
    words = [word.lower() for word in _WORD.findall(name)]
    joined = "".join(words)
    if _ORDINARY_KEY.fullmatch(joined):
        return False
    return any(map(_SECRET_WORD.fullmatch, words)) or bool(_SECRET_PART.search(joined))


def is_option(text: str) -> bool:
    """Return whether a text is an option whose value is a secret: `--password`."""
    return text.startswith("-") and is_strong(text.lstrip("-"))


def _is_value(found: re.Match[str]) -> bool:
    """Return whether the text after a name is its value: after a colon, an ordinary word may belong to a sentence."""
    name, sign, value = found.groups()
    if not is_strong(name) or _REFERENCE.match(value):
        return False
    is_whole = not found.string[: found.start()].strip() and found.string[found.end() :].strip() == value
    return sign == "=" or is_whole or bool(re.search(r"[\d!@#$%^&*+/=_]", value))


def _has_option(text: str) -> bool:
    return any(is_strong(found[1]) and not _REFERENCE.match(found[2]) for found in _OPTION.finditer(text))


def is_strong(name: str) -> bool:
    """Return whether a name is a secret's own, also within prose, where `key` and `auth` are ordinary words."""
    joined = "".join(word.lower() for word in _WORD.findall(name))
    return bool(_STRONG.search(joined))
