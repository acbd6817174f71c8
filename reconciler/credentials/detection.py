"""Find credentials in a string by their form, regardless of the field that contains it.

The forms are those of detect-secrets' plugins, reimplemented because its keyword plugin expects source code, its
entropy plugins mistake commit hashes for secrets, and it depends on an HTTP client, which the core must not.
"""

from __future__ import annotations

import functools
import re

_SECRET_WORD = re.compile("auth|dsn|jwt|keys?|keytab|kubeconfig|pin|psk|pswd|pw|pwd|sas|signature|t?otp")
_LAST = ("pass", "pat")  # ordinary words at the start of a name: `passRate`
_SECRET_PART = re.compile(
    "authorization|bearer|connectionstring|cookie|cred(s$|ential)|database_?url|kennwort|motdepasse|pass(code|key|phrase|wd|wor[dt])|secret(?!ar)"
    "|sessionid|token(?!s|i[sz])|^tokens$|webhook|(access|api|auth|encryption|master|private|signing|ssh)keys?"
)
_ORDINARY_KEY = re.compile(
    "(cache|composite|dedup|foreign|group|grouping|idempotency|lookup|object|partition|primary|public|range|routing|row|shard|sort|translation|unique)keys?"
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

_FORMS = (
    r"(?i:://[^\s/:@?\#]*:(?!\d{1,5}[/?\#])(?:(?!://)[^\s@])+@)",  # a URL's password, which may contain a slash
    r"://[A-Za-z0-9_-]{20,}@",  # a token instead of a username
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
    r"\bgl[a-z]{2,6}-[\w-]{16,}|\bgl(?:sa|c)_\w{16,}|\bdo[or]_v1_[0-9a-f]{32,}|\bdapi[0-9a-f]{32}",
    r"\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{16,}|\bsq0[a-z]{3}-[\w-]{16,}|\bGOCSPX-[\w-]{16,}|\bPMAK-[\w-]{16,}",
    r"\b(?:lin_api|ntn|sntrys|sbp|rubygems|dckr_pat|nfp)_(?=\w*\d)[\w-]{16,}|\bdp\.[a-z]{2,5}\.\w{16,}",
    r"\bATATT3[\w-]{16,}|\bNRAK-\w{16,}|\bkey-[0-9a-f]{32}|\.atlasv1\.[\w-]{16,}|AGE-SECRET-KEY-1\w{16,}",
    r"\b\d{8,10}:AA[\w-]{33}",  # a Telegram bot token
    r"(?i:hooks\.slack\.com/\w+/\S{8,}|discord(?:app)?\.com/api/(?:v\d+/)?webhooks/\S{8,})",
    r"(?i:\.webhook\.office\.com/\S{8,}|outlook\.office\.com/webhook/\S{8,}|hooks\.zapier\.com/hooks/\S{8,})",
    r"(?i:/hooks/(?=\w*\d)\w{16,}|/with/key/\S{8,})",
    r"(?i:[?&](?:\w*sig|key|auth|code)=[^&\s]{6,})",
    r"\bcurl\b[^\n]{0,200}?\s(?:-u|--(?:proxy-)?user)[\s=]?[\"']?[^\s:$\"']+:[^\s$\"']",  # short options
    r"\b(?:docker|helm|oc|podman|skopeo)\b[^\n]{0,60}\blogin\b[^\n]{0,200}?\s-p\s+[\"']?[^\s$\"']",
    r"\b(?:mysql|mariadb)[\w-]*\b[^\n]{0,200}?\s-p[^\s$]{4,}",
    r"(?i:\bidentified\s+by\s+[\"'][^\"'$]|\b(?:alter|create)\s+(?:role|user)\b[^\n]{0,100}?\bpassword\s+'[^'$]|\blogin\s+\S+\s+password\s+[^\s$]|\bpass:[^\s$]{4,})",
    r"\bsshpass\s+-p\s*[\"']?[^\s$\"']|\bredis-cli\b[^\n]{0,200}?\s-a\s+[\"']?[^\s$\"']",
)
_NAMED = re.compile(r"""(?<![\w.-])-{0,2}([A-Za-z_][\w.-]*)\\?["']?\s*([=:])\s*\\?["']?(?=([^\s"',;&\\]{1,1000}))""")
_LINE = re.compile(  # a line of YAML
    r"""(?m)^[ \t]{0,60}(?:- +)?["']?([A-Za-z_][\w.-]{0,100})["']? ?:[ \t]{1,8}["']?([^\s"']{1,1000})["']?[ \t]{0,8}$"""
)
_EXPORTED = re.compile(r"(?<![\w=$-])([A-Z][A-Z0-9_]*)\s+(?=([^\s$<{]{6,}))")  # as in a Dockerfile
_OPTION = re.compile(r"(?<!\S)--?([A-Za-z][\w-]*)\s+([^\s-]\S*)")
_STRONG = re.compile(
    r"(pass(code|phrase|wd|word)s?|pwd|pw|secret|token|credentials?|signature|cookie|dsn|jwt|connectionstring"
    r"|(access|account|api|auth|encryption|master|private|secret|shared|signing|ssh)_?key)$"
)
# also ordinary words: they mark a secret only at the end of a longer name, or in `PIN=…`
_WEAK = re.compile("auth|keys?|otp|pass|pat|pin")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")
_IDENTIFIER = re.compile(r"[A-Za-z_][\w.:-]*")
_WORDS = re.compile(r"[A-Za-z]+([ _.-][A-Za-z]+)*\d{0,3}")  # names and sentences have this form
_LEAST_DIGITS = 4  # in a PIN
_SHORTEST = 20  # characters in the shortest known form that consists only of letters and digits
_LONGEST_CACHED = 200  # characters
_REFERENCE = re.compile(r"\$|<|\*{3}|\{\{|%\(|(?i:none|null|true|false)$")  # refers to a secret, or masks it


def in_text(text: str) -> bool:
    """Return whether a string contains a credential: one in a known form, or a value after a secret's name."""
    if len(text) > _LONGEST_CACHED:
        return _in_text.__wrapped__(text)
    return not _is_word(text) and _in_text(text)


def _is_word(text: str) -> bool:
    """Return whether a string is too simple to match any pattern: an alphanumeric match has 20 characters or more."""
    return len(text) < _SHORTEST and text.isalnum()


@functools.lru_cache(maxsize=10_000)  # the same strings occur repeatedly: on both sides, in every schedule
def _in_text(text: str) -> bool:
    return (
        bool(_forms().search(text))
        or any(map(_is_value, _NAMED.finditer(text)))
        or any(map(_is_line, _LINE.finditer(text)))
        or any(map(_is_option_value, _OPTION.finditer(text)))
        or any(map(_is_exported, _EXPORTED.finditer(text)))
    )


@functools.cache
def _forms() -> re.Pattern[str]:
    """Return the pattern for all known forms, compiled on first use because that is slower than most commands."""
    return re.compile("|".join(_FORMS))


@functools.lru_cache(maxsize=10_000)
def is_secret(name: str) -> bool:
    """Return whether a name looks like that of a secret: `api_key` and `accessToken` do, but `max_tokens` does not."""
    words = [word.lower() for word in _WORD.findall(name)]
    joined = "".join(words)
    if _ORDINARY_KEY.fullmatch(joined):
        return False
    if words and words[-1] in _LAST:
        return True
    return any(map(_SECRET_WORD.fullmatch, words)) or bool(_SECRET_PART.search(joined))


@functools.lru_cache(maxsize=10_000)
def stem(name: str) -> tuple[str, str]:
    """Return all but the last word of a name, and the last word: `parameter` and `value` for `ParameterValue`."""
    words = [word.lower() for word in _WORD.findall(name)]
    return " ".join(words[:-1]), words[-1] if words else ""


def is_option(text: str) -> bool:
    """Return whether a string is an option whose value is a secret: `--password`."""
    name = text.lstrip("-")
    return text.startswith("-") and (is_strong(name) or name in ("otp", "pass", "pin"))


def names_next(name: object, value: object) -> bool:
    """Return whether a list item is a secret's name and the next item is its value: `DB_PASSWORD`, `x`.

    Another name is not treated as a value, because lists of names are common.
    """
    if not isinstance(name, str) or not _IDENTIFIER.fullmatch(name) or value is None or isinstance(value, bool):
        return False
    if _VARIABLE.fullmatch(name):
        return is_secret(name) and not (isinstance(value, str) and _VARIABLE.fullmatch(value))
    return is_strong(name) and not (isinstance(value, str) and is_words(value))


def is_pair(name: object, value: object) -> bool:
    """Return whether the first item of a pair marks the second as a secret; a column header, for example, does not."""
    if not isinstance(name, str) or not _IDENTIFIER.fullmatch(name):
        return False
    return is_strong(name) or (is_secret(name) and not (isinstance(value, str) and is_words(value)))


def is_exact(name: str) -> bool:
    """Return whether a name is unambiguously that of a secret, even among arbitrary names; `rotate-keys` is not."""
    return (
        is_strong(name) or name.lower() in ("otp", "pass", "pin") or bool(_VARIABLE.fullmatch(name) and is_secret(name))
    )


def _is_value(found: re.Match[str]) -> bool:
    """Return whether the text after a name is its value; after a colon, an ordinary word may be part of a sentence."""
    name, sign, value = found.groups()
    if _REFERENCE.match(value) or not (is_strong(name) or _is_assigned(name, sign, value)):
        return False
    return sign == "=" or bool(re.search(r"[\d!@#$%^&*+/=_]", value))


def _is_line(found: re.Match[str]) -> bool:
    """Return whether a line consists only of a secret's name and its value, which may then be an ordinary word."""
    name, value = found.groups()
    return is_strong(name) and not _REFERENCE.match(value)


def _is_exported(found: re.Match[str]) -> bool:
    """Return whether a variable's name is followed by its value, in a form that does not occur in sentences."""
    name, value = found.groups()
    return is_strong(name) and bool(re.search(r"[A-Za-z]", value) and re.search(r"\d", value)) and not is_words(value)


def is_words(value: str) -> bool:
    """Return whether a string has the form of a name or a sentence."""
    return bool(_WORDS.fullmatch(value.rstrip(".,;:!?")))


def _is_assigned(name: str, sign: str, value: str) -> bool:
    """Return whether a name that ends in an ordinary word looks like a secret's name: `SMTP_PASS=…`, `STRIPE_KEY=…`."""
    last = (_WORD.findall(name) or [""])[-1].lower()
    if not _WEAK.fullmatch(last) or not is_secret(name):
        return False
    if last in ("auth", "key", "keys"):
        return bool(_VARIABLE.fullmatch(name) and re.fullmatch(r"(?=.*\d)\S{6,}", value))
    if _VARIABLE.fullmatch(name):
        return True
    is_count = value.isdigit() and (last == "pass" or len(value) < _LEAST_DIGITS)
    return sign == "=" and last != "pat" and not is_count


def _is_option_value(found: re.Match[str]) -> bool:
    name, value = found.groups()
    return not _REFERENCE.match(value) and (is_strong(name) or _is_assigned(name, "=", value))


def is_strong(name: str) -> bool:
    """Return whether a name refers to a secret even in prose, where `key` and `auth` are ordinary words."""
    joined = "".join(word.lower() for word in _WORD.findall(name))
    return bool(_STRONG.search(joined))
