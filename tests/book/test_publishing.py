"""Every address follows from one setting, and there is none while it is empty."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from publishing import LAUNCH_BRANCH, Site, read_site

from kcourse import lessons, workspace
from kcourse.errors import KcourseError

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "book" / "site.toml"
LESSON = "02_autograph/01_gradients"
GITHUB = "repository=https://github.com/OWNER/kcourse"


def site(*assignments: str) -> Site:
    return read_site(SHIPPED, assignments)


def test_the_file_names_every_setting_explains_it_and_leaves_it_empty() -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    assert tomllib.loads(text) == {field.name: "" for field in fields(Site)}
    for field in fields(Site):
        assert re.search(rf"^# .+\n{field.name} = ", text, re.MULTILINE), field.name


def test_without_a_setting_there_is_no_address() -> None:
    nowhere = site()
    assert nowhere.launches(LESSON) == []
    assert nowhere.source("book/index.md") is None
    assert nowhere.issue("index") is None
    assert nowhere.page("index.html") is None
    assert nowhere.prefix == "/"


def test_on_github_a_lesson_opens_in_colab_on_binder_and_on_the_hub() -> None:
    there = site(GITHUB, "branch=dev", "jupyterlab=https://hub.example.org/")
    colab, binder, hub = there.launches(LESSON)
    assert colab.url == (
        f"https://colab.research.google.com/github/OWNER/kcourse/blob/{LAUNCH_BRANCH}/{LESSON}.ipynb"
    )
    assert binder.url.startswith("https://mybinder.org/v2/gh/OWNER/kcourse/dev?")
    assert parse_qs(urlsplit(binder.url).query) == {"urlpath": [f"lab/tree/{LESSON}.ipynb"]}
    assert hub.url == f"https://hub.example.org/hub/user-redirect/lab/tree/{LESSON}.ipynb"


def test_binder_and_the_hub_open_the_lesson_where_the_image_has_it(tmp_path: Path) -> None:
    made, _ = workspace.create(tmp_path / "my-course")
    for one in lessons.all_lessons():
        assert (made.folder / f"{one.key}.ipynb").is_file()


def test_colab_and_binder_can_be_switched_off_and_binder_be_another() -> None:
    assert site(GITHUB, "colab=off", "binder=off").launches(LESSON) == []
    (own,) = site(GITHUB, "colab=off", "binder=https://binder.example.org/").launches(LESSON)
    assert own.url.startswith("https://binder.example.org/v2/gh/")


def test_gitlab_writes_its_addresses_in_its_own_way() -> None:
    there = site("repository=https://gitlab.com/group/part/kcourse.git")
    (binder,) = there.launches(LESSON)
    assert binder.url.startswith("https://mybinder.org/v2/gl/group%2Fpart%2Fkcourse/main?")
    start = "https://gitlab.com/group/part/kcourse/-"
    assert there.source("book/index.md") == f"{start}/edit/main/book/index.md"
    assert str(there.issue("index")).startswith(f"{start}/issues/new?issue%5Btitle%5D=")


@pytest.mark.parametrize("host", ["github.com", "GitHub.com", "www.github.com"])
def test_github_is_known_however_its_name_is_written(host: str) -> None:
    assert site(f"repository=https://{host}/OWNER/kcourse").host == "github"


def test_a_host_of_another_kind_has_what_any_repository_has() -> None:
    there = site("repository=https://git.example.org/team/kcourse")
    (binder,) = there.launches(LESSON)
    expected = "https://mybinder.org/v2/git/https%3A%2F%2Fgit.example.org%2Fteam%2Fkcourse/main?"
    assert binder.url.startswith(expected)
    assert there.source("book/index.md") is None
    assert there.issue("index") is None


def test_an_edit_of_a_file_and_a_look_into_a_folder() -> None:
    there = site(GITHUB)
    start = "https://github.com/OWNER/kcourse"
    assert there.source("book/index.md") == f"{start}/edit/main/book/index.md"
    assert there.source("src", folder=True) == f"{start}/tree/main/src"


def test_an_issue_opens_the_form_for_lessons_with_its_place_filled_in() -> None:
    asked = parse_qs(urlsplit(str(site(GITHUB).issue(LESSON))).query)
    form = ROOT / ".github" / "ISSUE_TEMPLATE" / asked.pop("template")[0]
    fields_of_form = yaml.safe_load(form.read_text(encoding="utf-8"))["body"]
    assert {part.get("id") for part in fields_of_form} >= set(asked)
    assert asked == {"lesson": [LESSON]}


def test_the_address_of_the_book_ends_with_a_slash_and_gives_its_path() -> None:
    for address in ("https://owner.example.org/kcourse", "https://owner.example.org/kcourse/"):
        there = site(f"url={address}")
        assert there.page("a b.html") == "https://owner.example.org/kcourse/a%20b.html"
        assert there.prefix == "/kcourse/"


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("repository", "sets nothing. Write --site KEY=VALUE"),
        ("repo=https://github.com/a/b", "'repo' is no setting. There are repository, branch"),
        ("repository=http://github.com/a/b", "'http://github.com/a/b'. Write an address that"),
        ("repository=https://github.com/a", "Write the address of one repository"),
        ("repository=https://github.com/a/b/tree/main", "Write the address of one repository"),
        ("repository=https://www.GitHub.com/a/b/c", "Write the address of one repository"),
        ("repository=https://gitlab.com/a/b/-/tree/main", "Write the address of one repository"),
        ("url=https://x.org/course/index.html", "Write the address of the folder"),
        ('url=https://x.org/"><script>', "Write an address that begins with https://"),
        ("url=owner.github.io", "url is 'owner.github.io'. Write an address"),
        ("jupyterlab=hub", "jupyterlab is 'hub'. Write an address"),
        ("colab=https://x.org", 'Write "off", or leave it empty'),
        ("binder=no", 'begins with https:// or "off"'),
        ("branch=main", "branch is set, but repository is not"),
        ("binder=off", "binder is set, but repository is not"),
    ],
)
def test_a_bad_setting_is_one_line_with_its_value(assignment: str, said: str) -> None:
    with pytest.raises(KcourseError) as raised:
        site(assignment)
    assert said in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize("branch", ["a b", "../main", "main/", "x//y", "-f"])
def test_a_branch_that_cannot_be_is_refused(branch: str) -> None:
    with pytest.raises(KcourseError, match="Write a branch's name"):
        site(GITHUB, f"branch={branch}")


@pytest.mark.parametrize(
    ("text", "said"),
    [("url = ", "cannot be read"), ("url = 3", "url is 3. Write a text"), ("uri = ''", "'uri'")],
)
def test_a_bad_file_is_one_line_that_names_it(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "site.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(KcourseError, match=said) as raised:
        read_site(file)
    assert str(raised.value).startswith("site.toml")
    assert len(str(raised.value).splitlines()) == 1
