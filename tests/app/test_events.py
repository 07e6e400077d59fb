"""Handlers of the page: a stream of panels, the limits on users, sentences, and downloads."""

import base64
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch

from seatbelt_vae.app import events
from seatbelt_vae.app.attack_job import AttackJob
from seatbelt_vae.app.choices import attack_config
from seatbelt_vae.app.events import AttackView, Live
from seatbelt_vae.app.limits import LIMITS
from seatbelt_vae.app.sentences import INTERNAL, sentence_of, without_paths
from seatbelt_vae.config.loss_files import LOSSES, declaration_of
from seatbelt_vae.errors import ConfigError, DataError
from tests.data.written_pictures import saved

from .small_page import SETTINGS, live
from .test_uploads import half

SLOW = SETTINGS | {"strength": "strong", "loss": "output-reconstruction"}


def views(page: Live, session: str = "ada", **changes: Any) -> Iterator[AttackView]:
    """The views of an attack on the first two examples."""
    examples = next(iter(page.subjects.values())).examples
    given = {"names": ["first"], "x": examples[0], "target": examples[1], "settings": SETTINGS}
    return page.attack(session, **(given | changes))


def test_an_attack_is_a_stream_of_panels_and_ends_with_a_download() -> None:
    page = live()
    *running, last = views(page)
    assert all(view.running and view.case is None for view in running)
    assert not last.running
    assert last.panel is not None
    assert last.notice == ""
    assert "12 of 12 checks clear" in last.panel
    assert list(page.cases) == [last.case]
    assert last.command == "seatbelt-vae app first.py:load --repeat seatbelt-case.zip"


def test_two_subjects_stand_side_by_side_on_one_scale() -> None:
    page = live()
    *_, last = views(page, names=["first", "second"])
    assert last.panel is not None
    assert re.findall(r"<h2>.*?</svg> (\w+)</h2>", last.panel) == ["first", "second"]
    assert last.panel.count("the same scale for both") == len(SETTINGS["budgets"])  # type: ignore[arg-type]
    assert last.panel.count('<figure class="chart">') == 3
    assert "app first.py:load second.py:load --repeat" in last.command


@pytest.mark.parametrize("loss", ["damage-reconstruction", "output", "grill"])
def test_losses_of_each_kind_have_a_panel(loss: str) -> None:
    *_, last = views(live(), settings=SETTINGS | {"loss": loss})
    assert last.panel is not None
    assert last.case is not None
    unit = "of the way" if declaration_of(loss).targeted else "the distortion, in the reconst"
    assert unit in last.panel


def test_the_panel_holds_no_path_of_the_server() -> None:
    *_, last = views(live())
    assert last.panel is not None
    assert "/home/ada" not in last.panel + last.command


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"names": ["third"]}, "Unknown model 'third'"),
        ({"names": ["first", "first"]}, "First stands beside itself"),
        ({"x": None}, "No input is chosen: choose a picture, or upload one."),
        ({"target": None}, "No target is chosen"),
        ({"x": torch.zeros(1, 9, 9)}, "The pictures have shape (1, 9, 9), first takes (1, 8, 8)"),
        ({"settings": SETTINGS | {"budgets": []}}, "No budget is chosen"),
        ({"settings": SETTINGS | {"budgets": [0.77]}}, "Budgets [0.77], expected some of"),
        ({"settings": SETTINGS | {"loss": "/srv/own.py:loss"}}, "Unknown loss '…/own.py:loss'"),
        ({"settings": SETTINGS | {"norm": "l1"}}, "Unknown norm 'l1'"),
        ({"settings": SETTINGS | {"strength": "paper"}}, "Unknown strength 'paper'"),
        ({"settings": SETTINGS | {"layers": "7"}}, "Layers '7' of a model with 1"),
    ],
)
def test_a_wrong_request_is_answered_in_a_sentence(changes: dict[str, Any], sentence: str) -> None:
    *_, last = views(live(), **changes)
    shown = last.notice + (last.panel or "").replace("&#39;", "'")
    assert sentence.lower() in shown.lower()
    assert last.case is None
    assert not last.running


def test_one_picture_as_both_sides_is_refused() -> None:
    page = live()
    example = page.subjects["first"].examples[0]
    (view,) = views(page, x=example, target=example.clone())
    assert view.notice == "Input and target are the same picture: choose another target."


def test_a_user_has_one_attack_and_another_user_may_attack_too() -> None:
    page = live()
    first = views(page)
    next(first)
    (refused,) = views(page)
    assert refused.notice == "Your attack is still running: stop it, or wait for its end."
    *_, other = views(page, session="bob", names=["second"])
    assert other.case is not None
    *_, last = first
    assert last.case is not None


def test_attacks_wait_for_their_turn_and_too_many_are_refused() -> None:
    page = live(at_once=1, waiting=1)
    first, second = views(page), views(page, session="bob")
    next(first)
    assert next(second).notice == "Waiting: 1 attack before yours."
    (refused,) = views(page, session="eve")
    assert refused.notice.startswith("1 attacks wait already")
    *_, _ = first
    *_, last = second
    assert last.case is not None


def test_a_waiting_attack_can_be_stopped() -> None:
    page = live(at_once=1)
    first, second = views(page), views(page, session="bob")
    next(first), next(second)
    page.sessions.stop("bob")
    *_, last = second
    assert "Stopped" in (last.panel or "")
    assert last.case is None
    first.close()


def test_a_running_attack_is_stopped_by_its_user_or_when_the_page_is_left() -> None:
    page = live()
    stream = views(page, settings=SLOW)
    next(stream)
    page.sessions.stop("bob")
    page.sessions.stop("ada")
    *_, last = stream
    assert "Stopped: these are the best distortions until then." in (last.panel or "")
    left = views(page, settings=SLOW)
    next(left)
    (job,) = page.sessions._jobs["ada"]
    left.close()
    assert job.stopped
    assert page.sessions._jobs == {}


def test_old_downloads_are_dropped() -> None:
    page = live(cases=1)
    tokens = [[*views(page)][-1].case for _ in range(2)]
    assert list(page.cases) == tokens[1:]


def test_an_unexpected_error_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("seatbelt_vae.app.events.attack_config", broken)
    (view,) = views(live())
    assert view.notice == INTERNAL


def test_an_upload_is_checked_and_its_notes_are_returned() -> None:
    page = live()
    content = base64.b64encode(saved(half(64), "PNG")).decode()
    share, notes = page.uploaded("first", {"content": content})
    assert tuple(share.shape) == page.subjects["first"].event_shape
    assert notes == ""


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ({"content": "%%%"}, "arrived damaged"),
        ({"content": base64.b64encode(b"text").decode()}, "no picture"),
        ({"bytes": LIMITS.picture_bytes + 1}, "expected at most 8 MiB"),
        ({}, "no picture"),
    ],
)
def test_a_bad_upload_is_refused(sent: dict[str, Any], reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        live().uploaded("first", sent)


@pytest.mark.parametrize("index", [-1, 2])
def test_an_example_that_is_not_there_is_refused(index: int) -> None:
    with pytest.raises(ConfigError, match="expected 1…2"):
        live().example("first", index)


def test_the_pair_is_shown_before_an_attack_and_while_one_runs() -> None:
    page = live()
    examples = page.subjects["first"].examples
    assert page.clean(["first"], None, examples[0]) == ""
    both = page.clean(["first", "second"], examples[0], examples[1])
    assert both.count("reconstruction of the input by") == 2
    with page.subjects["first"].lock:
        assert page.clean(["first"], examples[0], examples[1]).count('class="empty"') == 4


def test_few_pairs_are_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    page, drawn, most = live(drawn_at_once=2), list[int](), list[int]()
    x, target = page.subjects["first"].examples[:2]

    def slow(*_: object) -> str:
        drawn.append(1)
        most.append(len(drawn))
        time.sleep(0.05)
        drawn.pop()
        return ""

    monkeypatch.setattr(events, "clean_panel", slow)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: page.clean(["first"], x, target), range(6)))
    assert (len(most), max(most)) == (6, 2)


def test_every_loss_has_a_config_within_a_budget() -> None:
    for loss in LOSSES:
        config = attack_config(loss, "all", "linf", [0.1, 0.05], "strong", 2)
        assert (config.epsilons, config.pairs, config.threads) == ((0.05, 0.1), 1, 2)


def test_sentences_hold_no_path() -> None:
    error = DataError("no file /srv/a b/c.npz or C:\\users\\ada\\m.pt: see https://a.org/b/c")
    assert sentence_of(error) == "No file …/a b/c.npz or …/m.pt: see https://a.org/b/c."
    assert sentence_of(ValueError("/srv")) == INTERNAL
    assert without_paths("~/models/vae.py:load and 0/1") == "…/vae.py:load and 0/1"


def test_jobs_of_one_page_share_an_event() -> None:
    page, changed = live(), threading.Event()
    examples = page.subjects["first"].examples
    config = attack_config(**SETTINGS)  # type: ignore[arg-type]
    job = AttackJob(page.subjects["first"], examples[0], examples[1], config, 60, changed)
    job.run()
    assert changed.is_set()
