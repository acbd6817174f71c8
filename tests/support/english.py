"""The phrases of the project's earlier private dialect, which its documents, messages and source must not use."""

from __future__ import annotations

import re
from collections.abc import Sequence

EVERYWHERE = (
    *("shall", "somebody", "anybody", "nobody", "anew", "seldom", "begun", "said", "told", "cannot be said"),
    *(
        "what became of",
        "for want of",
        "by now",
        "all the same",
        "looks? whether",
        "stands? (?:in(?! front)|at|beside)",
    ),
    "has no meaning",
)
IN_MESSAGES = (*EVERYWHERE, r"(?<!there )(?:is|are) no (?!longer)\w+")
IN_SOURCE = (*EVERYWHERE, "tells?", "hears?", "beside")
IN_REVISED_SOURCE = (  # in packages whose docstrings and comments were all revised
    *IN_SOURCE,
    *("says?", "but for", "what there is", "in the making", "minds", "its like", "takes? away", "taken away"),
    *("makes? of", "left to", "let nothing", "no count", "goes through", "gone through", "on the way"),
    "(?:when|where) (?:it|there|that) (?:is|are) (?:none|one|not)",
    r"(?<!there )(?:is|are) no (?!longer|one)\w+",
)
NAMES = {"said", "told", "unsaid", "begun", "telling", "sayable"}


def pattern(phrases: Sequence[str]) -> re.Pattern[str]:
    """Return a pattern that finds any of the phrases, as whole words."""
    return re.compile(rf"\b(?:{'|'.join(phrases)})\b", re.IGNORECASE)
