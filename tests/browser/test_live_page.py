"""The page in headless Chromium: attacks, users, uploads, keys, contrast, and no other host."""

import io
import json
import re
import shutil
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seatbelt_vae.attacks import run_suite
from tests.app.test_uploads import half
from tests.attacks.suite_runs import CONFIG, make_run, sprites
from tests.data.written_pictures import saved

from .visitor import Visitor, chromium, requested, served, skip_without_browser

MODELS = ("tests/app/small_models.py:first", "tests/app/small_models.py:second")
ROOT = Path(__file__).parents[2]

_SHOWN = "document.querySelectorAll('#panel .six img')"

CONTRAST = """(() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (text) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => { const [x, y, z] = [r, g, b].map((v) => { v /= 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * x + 0.7152 * y + 0.0722 * z; };
  const behind = (element) => { for (let e = element; e; e = e.parentElement) {
    const back = rgb(getComputedStyle(e).backgroundColor);
    if (back[3] > 250) return back; } return [255, 255, 255, 255]; };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const text = [...element.childNodes].filter((n) => n.nodeType === 3 && n.data.trim());
    const box = element.getBoundingClientRect(), style = getComputedStyle(element);
    if (!text.length || !element.checkVisibility({ visibilityProperty: true }) || box.width < 2)
      continue;
    if (element.closest(":disabled") || ["STYLE", "SCRIPT"].includes(element.tagName)) continue;
    const front = rgb(element.closest("svg") ? style.fill : style.color);
    const [a, b] = [light(front), light(behind(element))].sort((x, y) => y - x);
    const pixels = parseFloat(style.fontSize), bold = Number(style.fontWeight) >= 600;
    const least = pixels >= 24 || (bold && pixels >= 18.6) ? 3 : 4.5;
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < least) found.push([text[0].data.trim(), style.color, ratio.toFixed(2)]);
  }
  return found;
})()"""
"""Texts, also of drawings, which axe leaves out, of less contrast than WCAG 2.2, AA."""

SMALL = """[...document.querySelectorAll("button, input[type=range], .tile, label:has(input)")]
  .filter((e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
  .filter((e) => e.tabIndex >= 0 || e.tagName === "LABEL")
  .filter((e) => Math.min(e.offsetWidth, e.offsetHeight) < 24)
  .map((e) => `${e.outerHTML.slice(0, 160)} ${e.offsetWidth}×${e.offsetHeight}`)"""
"""Targets below 24 pixels, WCAG 2.2, AA; axe accepts them with enough space around."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    skip_without_browser()
    folder = tmp_path_factory.mktemp("secret-folder")
    targets = [*(str(ROOT / target) for target in MODELS), str(stored_attacks(folder))]
    data = f"{ROOT / 'tests/app/small_models.py'}:images"
    with served(folder, *targets, "--data", data, "--seconds", "20") as found:
        yield found


def stored_attacks(folder: Path) -> Path:
    """A folder with the attacks of a run alone."""
    run = make_run(folder / "run")
    settings = replace(CONFIG, pairs=2, strength="single", weight_count=3)
    run_suite(run, sprites(), settings)
    shutil.copytree(run.path / "attacks", folder / "alone" / "attacks")
    return folder / "alone"


@pytest.fixture(scope="module")
def driver(address: str) -> Iterator[Any]:
    del address
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def page(driver: Any, address: str) -> Visitor:
    """A tab that all tests use in turn, with a quick attack."""
    found = Visitor(driver, address)
    found.size(1280, 860)
    found.press("single")
    found.choose("Beside it", "none")
    for budget in ("0.1", "0.3", "0.5"):
        found.click(f"label:has(input[type=checkbox][name='{budget}']) input")
    return found


def test_an_attack_runs_and_its_case_is_downloaded(page: Visitor) -> None:
    assert page.run("document.title") == "Attack a variational autoencoder"
    assert page.text("h1") == "Attack a variational autoencoder"
    page.until("document.querySelectorAll('#panel .empty').length === 3")
    page.attack()
    assert re.search(r"\d+ %\s+of the way to the target", page.text("#panel"))
    assert re.search(r"\d+ of 12 checks clear", page.text("#panel"))
    assert page.run("document.querySelectorAll('#panel svg.drawing').length") == 2
    assert (
        "seatbelt-vae app small_models.py:first --data small_models.py:images --repeat"
        in page.text("#case")
    )
    link = page.run("document.querySelector('#case a').href")
    with urllib.request.urlopen(link) as answer:
        archive = zipfile.ZipFile(io.BytesIO(answer.read()))
    assert archive.testzip() is None
    assert "1/case.json" in archive.namelist()
    # the slider shows another budget without the server
    before = page.text(".finding")
    page.run(
        "(() => { const range = document.querySelector('#result input[type=range]');"
        "range.value = 0; range.dispatchEvent(new Event('input', { bubbles: true })); })()"
    )
    page.until(f"document.querySelector('.finding').innerText !== {before!r}")
    assert page.text("#result output") == "0.05"
    shown = "[...document.querySelectorAll('img.adversarial')].filter((e) => e.checkVisibility())"
    assert page.run(f"{shown}.length") == 1


def test_two_models_stand_side_by_side(page: Visitor) -> None:
    page.choose("Beside it", "second")
    page.until("document.querySelectorAll('#panel .subject').length === 2")
    page.attack()
    names = page.run("[...document.querySelectorAll('#panel h2')].map((e) => e.innerText.trim())")
    assert names == ["small_models-first", "small_models-second"]
    assert page.run("document.querySelectorAll('#panel svg.drawing').length") == 3
    assert "app small_models.py:first small_models.py:second --data" in page.text("#case")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("notes.png", b"no picture", "The picture was refused: it is no picture of a known format"),
        ("large.png", bytes(9 * 2**20), "expected at most 8 MiB"),
    ],
)
def test_a_bad_upload_is_answered_in_a_sentence(
    page: Visitor, name: str, content: bytes, sentence: str, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    page.element("#input-picker input[type=file]").send_keys(str(file))
    alert = "(document.querySelector('#notice [role=alert]') || {}).innerText"
    page.until(f"({alert} || '').includes({sentence!r})")
    assert str(tmp_path) not in page.run("document.documentElement.outerHTML")


def test_an_uploaded_picture_is_attacked(page: Visitor, tmp_path: Path) -> None:
    file = tmp_path / "half.png"
    file.write_bytes(saved(half(64), "PNG"))
    before = page.run("document.querySelector('#panel img').src")
    page.element("#input-picker input[type=file]").send_keys(str(file))
    page.until(f"document.querySelector('#panel img').src !== {before!r}")
    page.attack()


def test_two_users_attack_at_once(page: Visitor, driver: Any, address: str) -> None:
    other = Visitor(driver, address)
    other.press("single")
    other.choose("Beside it", "none")
    other.choose("Model", "second")
    page.choose("Beside it", "none")
    page.begin()
    other.begin()
    for user, name in ((page, "small_models-first"), (other, "small_models-second")):
        user.end()
        assert user.text("#panel h2").strip() == name
    links = {user.run("document.querySelector('#case a').href") for user in (page, other)}
    assert len(links) == 2


def test_an_attack_is_stopped(page: Visitor) -> None:
    page.press("strong")
    page.begin()
    assert page.run("document.querySelector('#start').disabled")
    page.click("#stop")
    page.until("document.querySelector('#panel .problem')")
    assert page.text("#panel .problem").startswith("Stopped: ")
    page.until("!document.querySelector('#start').disabled")
    assert not page.text("#case")
    page.press("single")


def test_it_keeps_the_rules_of_access_in_both_themes(page: Visitor) -> None:
    page.attack()
    for width, height in ((1280, 860), (390, 844)):
        page.size(width, height)
        for dark in ("false", "true"):
            page.run(f"document.body.classList.toggle('dark', {dark})")
            page.run("document.activeElement.blur()")
            page.until("document.getAnimations().every((a) => !(a instanceof CSSTransition))")
            assert page.broken_rules() == []
            assert page.run(CONTRAST) == []
            assert page.run(SMALL) == []
            assert page.run("document.documentElement.scrollWidth <= innerWidth")
    page.run("document.body.classList.remove('dark')")
    page.size(1280, 860)


def test_a_dark_system_gets_a_dark_page(driver: Any, address: str) -> None:
    visitor = Visitor(driver, address, theme="dark")
    assert (
        visitor.run("getComputedStyle(document.querySelector('h1')).color") == "rgb(232, 230, 225)"
    )
    visitor.size(1280, 860)


def test_a_slider_moves_over_stored_attacks(page: Visitor) -> None:
    page.run(
        "[...document.querySelectorAll('[role=tab]')]"
        ".find((e) => e.innerText === 'Stored attacks').click()"
    )
    panel = "document.querySelector('#stored-panel')"
    page.until(f"{panel} && {panel}.querySelectorAll('img').length >= 5")
    slider = "[...document.querySelectorAll('input[type=range]')].find((e) => e.checkVisibility())"
    seen = []
    for level in range(3):
        page.run(
            f"(() => {{ const range = {slider}; range.value = {level};"
            "range.dispatchEvent(new Event('input', { bubbles: true })); })()"
        )
        shown = "img.adversarial')].filter((e) => e.checkVisibility()).map((e) => e.src)"
        seen += page.run(f"[...{panel}.querySelectorAll('{shown}")
        assert page.run(f"{slider}.getAttribute('aria-valuetext')").startswith("λ = ")
    assert len(set(seen)) == len(seen) == 3
    page.run("document.querySelector('[role=tab]').click()")


def test_every_control_has_a_name_and_is_reached_by_keys(page: Visitor, driver: Any) -> None:
    from selenium.webdriver import ActionChains, Keys

    page.run("document.activeElement.blur()")
    nodes = driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    roles = ("button", "checkbox", "combobox", "link", "radio", "slider")
    named = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node["ignored"] and node["role"]["value"] in roles
    ]
    assert {role for role, _ in named} >= set(roles) - {"link"}
    assert [role for role, name in named if not name.strip()] == []
    page.run("document.querySelector('h1').focus()")
    reached = []
    for _ in range(30):
        ActionChains(driver).send_keys(Keys.TAB).perform()
        reached.append(
            page.run(
                "document.activeElement.id || document.activeElement.getAttribute('aria-label')"
                " || document.activeElement.type"
            )
        )
    for control in ("Model", "Beside it", "Loss", "radio", "checkbox", "start"):
        assert control in reached
    assert any(str(name).startswith("Shown: budget") for name in reached)
    page.click("#input-picker input[type=radio]")
    page.element("#target-picker input[type=radio]:checked").send_keys(Keys.ARROW_LEFT)
    page.until("document.querySelector('#target-picker input[type=radio]').checked")
    # the panel is drawn again with the same picture at both ends, and takes a key away until then
    page.until(f"(([first, ...rest]) => first.src === rest.pop().src)([...{_SHOWN}])")
    page.element("#start").send_keys(Keys.ENTER)
    page.until("document.querySelector('#notice [role=alert]')")
    assert "the same picture" in page.text("#notice")


def test_nothing_is_asked_of_another_host_and_no_path_is_shown(
    page: Visitor, driver: Any, address: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    urls = requested(driver)
    assert any(url.startswith(address) for url in urls)
    assert [url for url in urls if not url.startswith(address)] == []
    console = [line["message"] for line in driver.get_log("browser") if line["level"] == "SEVERE"]
    assert console == []
    html = page.run("document.documentElement.outerHTML")
    with urllib.request.urlopen(f"{address}/config") as answer:
        config = answer.read().decode()
    for folder in (str(ROOT), str(tmp_path_factory.getbasetemp()), str(Path.home()), "site-pack"):
        assert folder not in html
        assert folder not in config


def test_only_attacks_are_queued(address: str) -> None:
    """A short event in the queue may be answered in a stream that the browser has just closed."""
    with urllib.request.urlopen(f"{address}/config") as answer:
        events = json.load(answer)["dependencies"]
    queued = [event["targets"][0][1] for event in events if event["queue"]]
    assert queued == ["click", "unload"]  # the latter is no request of the queue


@pytest.mark.parametrize(
    ("path", "method", "body", "status"),
    [
        ("/gradio_api/upload", "POST", b"x", 404),
        ("/gradio_api/file=/etc/passwd", "GET", None, 404),
        ("/gradio_api/proxy=https://a.org", "GET", None, 404),
        ("/docs", "GET", None, 404),
        ("/cases/none", "GET", None, 404),
        ("/gradio_api/queue/join", "POST", bytes(13 * 2**20), 413),
    ],
)
def test_other_requests_are_refused(
    address: str, path: str, method: str, body: bytes | None, status: int
) -> None:
    request = urllib.request.Request(address + path, body, method=method)
    # a large request may be cut off while it is sent
    assert answer_to(request) in (status, None if body and len(body) > 1 else status)


def answer_to(request: urllib.request.Request) -> int | None:
    """The status of the answer; None if the connection was cut off."""
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except urllib.error.URLError:
        return None


def test_another_name_of_this_host_is_refused(address: str) -> None:
    assert answer_to(urllib.request.Request(address, headers={"Host": "evil.example"})) == 400
