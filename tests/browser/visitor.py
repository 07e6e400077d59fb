"""A headless Chromium that visits pages, and a page served by the command."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SECONDS = 30
LIVE = "document.querySelectorAll('#panel .six img').length >= 3"
"""The live page shows its pictures."""

_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--hide-scrollbars"),
)


def missing() -> str | None:
    """Why the page is not tested in a browser; None if it is.

    On a busy machine an event of the page may take longer than a test waits, so they run on demand.
    """
    if not os.environ.get("SEATBELT_BROWSER"):
        return "set SEATBELT_BROWSER=1 to test the page in Chromium"
    packages = (("gradio", "app"), ("selenium", "test"), ("axe_playwright_python", "test"))
    for package, extra in packages:
        if find_spec(package) is None:
            return f"no {package}: pip install 'seatbelt-vae[{extra}]'"
    if shutil.which("chromedriver") is None or _chromium() is None:
        return "no Chromium with its driver: apt-get install chromium chromium-driver"
    return None


def _chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")


@contextmanager
def served(folder: Path, *arguments: str) -> Iterator[str]:
    """Serve a page of the command in ``folder``; its address."""
    command = [sys.executable, "-m", "seatbelt_vae", "app", *arguments, "--port", "0", "--json"]
    paths = [str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            assert line, (folder / "server.log").read_text()
            yield str(json.loads(line)["address"])
        finally:
            server.terminate()
            server.wait(SECONDS)
            if server.stdout is not None:
                server.stdout.close()


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless browser that records its console and its requests."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = _chromium() or ""
    for flag in _FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    driver.set_script_timeout(10 * SECONDS)
    try:
        yield driver
    finally:
        driver.quit()


class Visitor:
    """One tab on a page.

    Args:
        driver: the browser.
        address: that of the page.
        theme: that of the system.
        ready: a JavaScript expression that is true when the page can be used.
    """

    def __init__(self, driver: Any, address: str, theme: str = "light", ready: str = LIVE) -> None:
        self.driver, self.address = driver, address
        driver.switch_to.new_window("tab")
        self.tab = driver.current_window_handle
        self.size(1280, 860, theme)
        driver.get(address)
        self.until(ready)

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression in the tab."""
        self.driver.switch_to.window(self.tab)
        return self.driver.execute_script(f"return ({script})")

    def until(self, condition: str, seconds: float = SECONDS - 5) -> None:
        """Wait until a JavaScript expression is true."""
        assert self._waited(condition, seconds), f"{condition} in {self.text('#result')[:2000]}"

    def _waited(self, condition: str, seconds: float) -> bool:
        self.driver.switch_to.window(self.tab)
        return bool(
            self.driver.execute_async_script(
                "const done = arguments[arguments.length - 1], end = Date.now() + arguments[0];"
                f"const look = () => {{ const found = Boolean({condition});"
                "if (found || Date.now() > end) done(found); else setTimeout(look, 40); }; look();",
                1000 * seconds,
            )
        )

    def text(self, selector: str) -> str:
        """The text of an element as it is shown; empty if it is not there."""
        element = f"document.querySelector({json.dumps(selector)})"
        return str(self.run(f'({element} || {{}}).innerText || ""')).strip()

    def click(self, selector: str) -> None:
        """Click an element."""
        self.run(f"document.querySelector({json.dumps(selector)}).click()")

    def press(self, value: str) -> None:
        """Choose the radio button with a value."""
        self.click(f"input[type=radio][value={json.dumps(value)}]")

    def broken_rules(self) -> list[str]:
        """The rules of axe-core that the page breaks: WCAG 2.2, A and AA, and best practices."""
        self.driver.switch_to.window(self.tab)
        self.driver.execute_script(_axe())
        found = self.driver.execute_async_script(
            "axe.run({ rules: { 'target-size': { enabled: true } }, resultTypes: ['violations'] })"
            ".then((found) => arguments[arguments.length - 1](found.violations))"
        )
        return [f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]]

    def element(self, selector: str) -> Any:
        """An element of the tab."""
        self.driver.switch_to.window(self.tab)
        return self.driver.find_element("css selector", selector)

    def choose(self, label: str, option: str) -> None:
        """Choose an option of the drop-down list with a label."""
        selector = f"input[aria-label={json.dumps(label)}]"
        chosen = f"document.querySelector({json.dumps(selector)}).value.endsWith('{option}')"
        options = "[...document.querySelectorAll('[role=option]')]"
        for _ in range(3):  # a list may close while the page is still loading
            self.element(selector).click()
            if self._waited(f"{options}.some((e) => e.innerText.trim().endsWith('{option}'))", 5):
                for found in self.driver.find_elements("css selector", "[role=option]"):
                    if found.text.strip().endswith(option):
                        found.click()
                        break
            if self._waited(chosen, 3):
                return
        raise AssertionError(f"{option} cannot be chosen as {label}")

    def size(self, width: int, height: int, theme: str = "light") -> None:
        """Emulate a screen and a theme of the system."""
        self.driver.switch_to.window(self.tab)
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        features = [{"name": "prefers-color-scheme", "value": theme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def close(self) -> None:
        """Close the tab; the one that the browser began with stays."""
        self.driver.switch_to.window(self.tab)
        self.driver.close()
        self.driver.switch_to.window(self.driver.window_handles[0])

    def begin(self) -> None:
        """Start an attack; returns when it runs."""
        self.click("#start")
        self.until("!document.querySelector('#stop').disabled")

    def end(self, seconds: float = SECONDS - 5) -> None:
        """Wait for the end of the attack and its download."""
        self.until("document.querySelector('#stop').disabled", seconds)
        self.until("document.querySelector('#case a')")

    def attack(self) -> None:
        """Attack, from the start to the end."""
        self.begin()
        self.end()


@cache
def _axe() -> str:
    """The program axe-core; the package that holds it is for another driver, and not imported."""
    (folder,) = find_spec("axe_playwright_python").submodule_search_locations
    return (Path(folder) / "axe.min.js").read_text(encoding="utf-8")


def requested(driver: Any) -> list[str]:
    """The addresses that the browser asked for since the last call, without data in them."""
    found = []
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            found.append(message["params"]["request"]["url"])
    return [url for url in found if not re.match(r"data:|blob:|about:", url)]


def skip_without_browser() -> None:
    """Skip the test with the reason, if there is no browser."""
    if (reason := missing()) is not None:
        pytest.skip(reason)
