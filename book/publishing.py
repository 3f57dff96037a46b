"""Where the course and its book are published, and every address that follows from that.

``site.toml`` holds the settings; see there what each means. An address that cannot be known is
``None`` or left out, and the page does without it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

from kcourse.errors import KcourseError

#: The branch that ``build.py --launch`` is pushed to: lessons for places without the course.
LAUNCH_BRANCH = "launch"
_ADDRESS = re.compile(r"https://[A-Za-z0-9.-]+\.[A-Za-z0-9-]+(:\d+)?(/[A-Za-z0-9._~%+-]+)*/?")
_BRANCH = re.compile(r"(?!.*(\.\.|//))[A-Za-z0-9][A-Za-z0-9._/-]*(?<![/.])")
_OFF = "off"
_BINDER = "https://mybinder.org"
_COLAB = "https://colab.research.google.com"
#: How hosts write the way to a file, to its editor and to a new issue.
_EDIT = {"github": "/edit/", "gitlab": "/-/edit/"}
_FOLDER = {"github": "/tree/", "gitlab": "/-/tree/"}
#: On GitHub the form for a mistake in a lesson, with the field for its place filled in.
_ISSUE = {
    "github": ("/issues/new", {"template": "1_lesson.yml", "lesson": "{page}"}),
    "gitlab": ("/-/issues/new", {"issue[title]": "On the page {page}"}),
}


@dataclass(frozen=True)
class Launch:
    """A place on the network where a lesson can be opened and run."""

    name: str
    url: str


@dataclass(frozen=True)
class Site:
    """The settings, checked; addresses have no slash at their end, but for ``url``."""

    repository: str = ""
    branch: str = ""
    url: str = ""
    jupyterlab: str = ""
    binder: str = ""
    colab: str = ""

    @property
    def host(self) -> str:
        """Return the kind of host whose addresses are known: github, gitlab, or nothing."""
        name = (urlsplit(self.repository).hostname or "").removeprefix("www.")
        if name == "github.com":
            return "github"
        return "gitlab" if name.startswith("gitlab.") else ""

    @property
    def prefix(self) -> str:
        """Return the path that the book's pages begin with; it starts and ends with a slash."""
        return urlsplit(self.url).path or "/"

    def page(self, path: str) -> str | None:
        """Return the published address of a file of the book."""
        return self.url + quote(path) if self.url else None

    def source(self, path: str, *, folder: bool = False) -> str | None:
        """Return where a file of the repository is edited, or a folder is looked at."""
        ways = _FOLDER if folder else _EDIT
        if not self.host:
            return None
        return f"{self.repository}{ways[self.host]}{self.branch}/{quote(path)}"

    def issue(self, page: str) -> str | None:
        """Return where a new issue about a page of the book is written."""
        if not self.host:
            return None
        path, asked = _ISSUE[self.host]
        filled = {name: text.format(page=page) for name, text in asked.items()}
        return f"{self.repository}{path}?{urlencode(filled)}"

    def launches(self, lesson: str) -> list[Launch]:
        """Return where a lesson, by its key, can be opened and run."""
        found = []
        if self.host == "github" and self.colab != _OFF:
            found.append(Launch("Colab", self.colab_address(lesson)))
        # The course's image serves a workspace that begins with the lessons' folders.
        in_the_image = f"lab/tree/{lesson}.ipynb"
        if self.repository and self.binder != _OFF:
            owner = urlsplit(self.repository).path.strip("/")
            what = {
                "github": f"gh/{owner}",
                "gitlab": f"gl/{quote(owner, safe='')}",
                "": f"git/{quote(self.repository, safe='')}",
            }[self.host]
            branch = quote(self.branch, safe="")
            asked = urlencode({"urlpath": in_the_image})
            found.append(Launch("Binder", f"{self.binder}/v2/{what}/{branch}?{asked}"))
        if self.jupyterlab:
            there = f"{self.jupyterlab}/hub/user-redirect/{in_the_image}"
            found.append(Launch("JupyterLab", there))
        return found

    def colab_address(self, lesson: str) -> str:
        """Return where Colab opens a lesson's launch copy; the repository is on GitHub."""
        owner = urlsplit(self.repository).path.strip("/")
        return f"{_COLAB}/github/{owner}/blob/{LAUNCH_BRANCH}/{lesson}.ipynb"


def read_site(path: Path, assignments: Sequence[str] = ()) -> Site:
    """Read the settings, with ``KEY=VALUE`` of the command line above those of the file.

    Raises ``KcourseError`` for what is no setting or no possible value.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        values = {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise KcourseError(f"{path.name} cannot be read: {error}") from None
    site = _with(Site(), values, path.name)
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals:
            raise KcourseError(
                f"--site {assignment!r} sets nothing. Write --site KEY=VALUE, such as "
                "--site url=https://example.org/course/"
            )
        site = _with(site, {key.strip(): value.strip()}, "--site")
    return _checked(site)


def _with(site: Site, values: dict[str, object], where: str) -> Site:
    known = [field.name for field in fields(Site)]
    for key, value in values.items():
        if key not in known:
            raise KcourseError(f"{where}: {key!r} is no setting. There are {', '.join(known)}.")
        if not isinstance(value, str):
            raise KcourseError(f"{where}: {key} is {value!r}. Write a text between quotes.")
        site = replace(site, **{key: value})
    return site


def _checked(site: Site) -> Site:
    """Return the settings with defaults filled in and addresses in one form."""
    for key in ("repository", "url", "jupyterlab"):
        _require_address(key, getattr(site, key))
    if site.binder != _OFF:
        _require_address("binder", site.binder, or_else=' or "off"')
    if site.colab not in ("", _OFF):
        raise KcourseError(f'colab is {site.colab!r}. Write "off", or leave it empty.')
    if site.branch and not _BRANCH.fullmatch(site.branch):
        raise KcourseError(f"branch is {site.branch!r}. Write a branch's name, such as main.")
    if site.repository and not _is_one_repository(site):
        raise KcourseError(
            f"repository is {site.repository!r}. Write the address of one repository, such as "
            "https://github.com/OWNER/NAME"
        )
    if site.url.rstrip("/").endswith(".html"):
        raise KcourseError(
            f"url is {site.url!r}, one page. Write the address of the folder that it is in."
        )
    for key in ("branch", "binder", "colab"):
        if getattr(site, key) and not site.repository:
            raise KcourseError(f"{key} is set, but repository is not: set both, or neither.")
    return replace(
        site,
        repository=site.repository.rstrip("/").removesuffix(".git"),
        branch=site.branch or "main",
        url=site.url and site.url.rstrip("/") + "/",
        jupyterlab=site.jupyterlab.rstrip("/"),
        binder=site.binder.rstrip("/") or _BINDER,
    )


def _is_one_repository(site: Site) -> bool:
    """Whether the address is that of a repository, and not of an owner or of a page in one."""
    parts = urlsplit(site.repository).path.strip("/").split("/")
    if site.host == "github":
        return len(parts) == 2
    return len(parts) >= 2 and not (site.host == "gitlab" and "-" in parts)


def _require_address(key: str, value: str, or_else: str = "") -> None:
    if value and not _ADDRESS.fullmatch(value):
        raise KcourseError(
            f"{key} is {value!r}. Write an address that begins with https://{or_else}, or leave it "
            "empty."
        )
