"""Data inside scripts: JSON that no text of a manifest can end or turn into markup.

Other characters stay as they are, so that whoever looks for a person's id in the files of a run finds it.
"""

from __future__ import annotations

import json
from typing import Any

_ESCAPES = str.maketrans({"<": "\\u003c", "\u2028": "\\u2028", "\u2029": "\\u2029"})


def script_json(value: Any) -> str:
    """JSON without what begins or ends a tag, or a line of a script.

    Raises
    ------
    ValueError
        A number is not finite: JSON has none such.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).translate(_ESCAPES)
