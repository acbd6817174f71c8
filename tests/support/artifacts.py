"""What fork-snapshot.yml keeps and fork-plan.yml fetches: `actions/upload-artifact` and `gh`, sharing a folder."""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Mapping

from tests.support import act

RUN = 42  # the number of the run whose artifacts these are; it was made by a push


@dataclasses.dataclass(frozen=True, slots=True)
class Artifacts:
    """The artifacts of a repository, kept in a folder."""

    folder: pathlib.Path

    def upload(self) -> Mapping[str, pathlib.Path]:
        """Return the action that uploads, by the name that fork-snapshot.yml has for it."""
        [name] = re.findall(
            r"actions/upload-artifact@\w+", (act.READY / "fork-snapshot.yml").read_text(encoding="utf-8")
        )
        place = self._made("upload")
        (place / "action.yml").write_text(
            "inputs: {name: {}, path: {}, if-no-files-found: {}}\n"
            "runs:\n"
            "  using: composite\n"
            "  steps:\n"
            "    - shell: bash\n"
            f"      run: mkdir -p '{self._made('kept')}'/$NAME; cp $PLACE '{self._made('kept')}'/$NAME/\n"
            "      env: {NAME: '${{ inputs.name }}', PLACE: '${{ inputs.path }}'}\n",
            encoding="utf-8",
        )
        return {name: place}

    def gh(self) -> pathlib.Path:
        """Return a folder with a `gh` that lists the run when there are artifacts, and downloads them."""
        place, kept = self._made("bin"), self._made("kept")
        (place / "gh").write_text(
            "#!/usr/bin/env bash\n"
            'test -n "$GH_TOKEN" || exit 4\n'
            'case "$*" in\n'
            '  "run list --workflow fork-snapshot.yml --branch main --event push --status success --limit 1 "*)\n'
            f"    test -z \"$(ls '{kept}')\" || echo {RUN} ;;\n"
            '  *" --event schedule "*) ;;\n'
            f'  "run download {RUN} --name "*)\n'
            '    echo "gh $1 $2 $3 $4 $5 ($GH_REPO)"\n'
            f'    mkdir -p "$7" && cp "{kept}/$5/"* "$7" ;;\n'
            '  *) echo "gh: $* is not known here" >&2; exit 1 ;;\n'
            "esac\n",
            encoding="utf-8",
        )
        (place / "gh").chmod(0o755)
        return place

    def _made(self, name: str) -> pathlib.Path:
        place = self.folder / name
        place.mkdir(parents=True, exist_ok=True)
        return place
