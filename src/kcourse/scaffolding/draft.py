"""Changes of several files that are made all together, or not at all."""

from __future__ import annotations

import contextlib
from pathlib import Path

from kcourse.errors import KcourseError
from kcourse.files import write_text


class Draft:
    """New contents of files, by path; nothing is on the disk until ``save``."""

    def __init__(self) -> None:
        self.created: list[Path] = []
        self.changed: list[Path] = []
        self._texts: dict[Path, str] = {}

    def read(self, path: Path) -> str:
        """Return the text of a file as it will be. Raises ``KcourseError`` if there is none."""
        if path in self._texts:
            return self._texts[path]
        try:
            return path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise KcourseError(f"{path} is missing. Get it back from git first.") from None
        except UnicodeDecodeError as error:
            raise KcourseError(f"{path} is not UTF-8: {error.reason}. Mend it first.") from None

    def create(self, path: Path, text: str) -> None:
        """Have a new file written; one that is there already raises ``KcourseError``."""
        if path.exists():
            raise KcourseError(f"{path} is there already, and nothing is overwritten.")
        self.created.append(path)
        self._texts[path] = text

    def change(self, path: Path, text: str) -> None:
        """Have a file written that ``read`` found."""
        if path not in self._texts:
            self.changed.append(path)
        self._texts[path] = text

    def save(self) -> None:
        """Write every file; if one cannot be written, leave all as they were."""
        before = {path: path.read_text(encoding="utf-8") for path in self.changed}
        written: list[Path] = []
        try:
            for path, text in self._texts.items():
                write_text(path, text)
                written.append(path)
        except OSError as error:
            raise KcourseError(
                f"{error.filename or path} cannot be written: {error.strerror}. "
                "Nothing was changed.",
                exit_code=1,
            ) from error
        finally:
            if len(written) < len(self._texts):  # stopped on the way, also by Ctrl+C
                for path in written:
                    with contextlib.suppress(OSError):
                        write_text(path, before[path]) if path in before else path.unlink()
