"""Audits through defences at inference: adaptive attacks, and the comparison without a defence."""

import json
import re
from dataclasses import replace

import jsonschema
import pytest
import torch

from seatbelt_vae import load_data, open_subject
from seatbelt_vae.auditing import audit
from seatbelt_vae.auditing.screen import screen_text
from seatbelt_vae.cli import main
from seatbelt_vae.errors import ConfigError, ForeignStateError
from seatbelt_vae.runs import read_json, read_rows
from seatbelt_vae.runs.audit_document import audit_schema, read_audit
from seatbelt_vae.subjects.defended_subject import behind
from tests.auditing.small_models import QUICK, Linear, images, subject, vae
from tests.hardening.small import write_model

MAPS = """
import torch
from torch import nn

class Copy(nn.Module):
    def encode(self, x):
        return x.flatten(1), torch.full_like(x.flatten(1), -4.0)

    def decode(self, z):
        return z.view(-1, 1, 8, 8)

class Flat(Copy):
    def decode(self, z):
        return 0.45 + 0.1 * super().decode(z)
"""
PLANTED = "tests.auditing.planted_defences"
SHORT = replace(QUICK, losses=("latent-l2",), linf_budgets=(), gradient_free=0)


def through(model, defence, folder):
    """The audit of a model behind a defence."""
    defended = behind(subject(model, folder / "plain"), defence).stored_in(folder / "defended")
    (folder / "defended").mkdir()
    return audit(defended, images(), SHORT, despite_checks=True)


def flag(found, name):
    return next(flag for flag in found.flags if flag.id == name)


def test_a_masked_gradient_is_exposed_and_not_believed(tmp_path):
    found = through(Linear(), f"{PLANTED}:rounded", tmp_path)
    for each in found.defence.gaps:
        assert each.undefended == pytest.approx(1 - float(each.metric.partition("@")[2]), abs=0.01)
        assert each.value <= each.undefended + 0.03  # rounding changes little
    assert flag(found, "gradient not usable").raised
    assert found.verdict.status == "inconclusive"
    assert found.defence.verdict == "no better than without a defence"


def test_solutions_of_the_undefended_model_expose_a_masked_gradient(tmp_path):
    """The model is weak where the blend with the target does not lead."""
    data = load_data(f"{write_model(tmp_path).removesuffix('load')}images")
    plain = open_subject(f"{tmp_path}/small.py:load", data)
    defended = behind(plain, f"{PLANTED}:rounded").stored_in(tmp_path / "defended")
    (tmp_path / "defended").mkdir()
    found = audit(defended, data, replace(SHORT, pairs=5, budgets=(0.2,)))
    assert flag(found, "transfer beats the attack").raised
    (gap,) = found.defence.gaps
    alone = [row for row in read_rows(tmp_path / "defended/audit/rows") if row["epsilon"] == 0.2]
    others = ("undefended", "transfer", "bpda", "recheck", "gradient-free")
    best = {row["pair"]: 1.0 for row in alone}
    for row in alone:
        if row["loss"] not in others:
            best[row["pair"]] = min(best[row["pair"]], row["gap"])
    assert sum(best.values()) / 5 > gap.undefended + 0.1
    assert gap.value < gap.undefended + 0.05


def test_a_defence_that_harms_is_called_worse(tmp_path):
    found = through(Linear(), f"{PLANTED}:fragile", tmp_path)
    assert found.defence.verdict == "worse than without a defence"
    assert f"{PLANTED}:fragile is worse than without a defence" in " ".join(
        screen_text(found).split()
    )
    assert (
        "is worse than without a defence" in (tmp_path / "defended/audit/report.html").read_text()
    )


def test_the_document_compares_with_the_undefended_model(tmp_path):
    found = through(vae(), "averaging:4", tmp_path)
    folder = tmp_path / "defended/audit"
    jsonschema.validate(read_json(folder / "audit.json"), audit_schema())
    assert read_audit(folder / "audit.json").defence == found.defence
    assert found.defence.name == "averaging:4"
    worst = [row for row in read_rows(folder / "worst") if row["goal"] == "gap"]
    assert len(worst) == 4
    for each in found.defence.gaps:
        rows = [row for row in worst if f"gap@{row['epsilon']:g}" == each.metric]
        rows = [row for row in rows if row["told_apart"]]
        for column, stated in (("undefended", each.undefended), ("fresh", each.fresh)):
            mean = sum(row[column] for row in rows) / len(rows)
            assert stated == pytest.approx(mean)
    model, data = vae(), images()
    x = torch.cat([split.batch(range(len(split))) for split in (data.train, data.test)])
    with torch.no_grad():
        error = (model.decode(model.encode(x).z).mean - x).flatten(1).square().sum(1).mean()
    assert found.defence.undefended_error == pytest.approx(error.item(), rel=1e-4)
    plain = audit(subject(Linear(), tmp_path / "linear"), images(), SHORT)
    assert plain.defence is None
    assert {row["undefended"] for row in read_rows(tmp_path / "linear/audit/worst")} == {None}


def test_the_command_stores_the_defence_and_continues_without_it(tmp_path, monkeypatch, capsys):
    write_model(tmp_path)
    monkeypatch.chdir(tmp_path)
    target = "small.py:load --data small.py:images --with averaging"
    line = "--pairs 2 --budgets 0.2 --linf-budgets 8 --gradient-free 0 --losses latent-l2"
    main(f"audit {target} {line} --json --quiet --processes 1".split())
    found = json.loads(capsys.readouterr().out)
    assert found["defence"]["name"] == "averaging:8"
    assert found["target"]["kind"] == "defended"
    folder = tmp_path / "runs/small-load-with-averaging-8"
    assert read_json(folder / "subject.json")["defence"] == "averaging:8"
    data = load_data("small.py:images")
    again = open_subject(folder, data)
    assert (again.defence, again.digest) == ("averaging:8", found["target"]["digest"])
    assert open_subject(folder, data, defence="averaging:8").digest == again.digest
    twice = open_subject(folder, data, defence="self-denoising")
    assert twice.undefended.draws == 8
    line = "--loss output-l2 --threat l2 --budgets 0.2 --pairs 2 --gradient-free 0 --restarts 0"
    assert main(f"attack {folder} {line} --max-evaluations 9 --quiet".split()) == 0
    assert (folder / "attacks").exists()
    about = read_json(folder / "subject.json")
    (folder / "subject.json").write_text(json.dumps({**about, "defence": "averaging:4"}))
    with pytest.raises(ForeignStateError):
        open_subject(folder, data)


def test_a_function_that_gives_no_model_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="gave a int"):
        behind(subject(Linear(), tmp_path / "plain"), f"{PLANTED}:no_model")


def test_cheap_defences_are_tried_and_a_hardening_is_estimated(tmp_path, monkeypatch, capsys):
    write_model(tmp_path)
    monkeypatch.chdir(tmp_path)
    line = "audit small.py:load --data small.py:images --pairs 2 --budgets 0.2 --linf-budgets 8"
    line += " --gradient-free 0 --losses latent-l2 --quiet --processes 1 --try-defences"
    main(line.split())
    shown = capsys.readouterr().out
    assert "defences at inference" in shown
    assert "seatbelt-vae defend, about" in shown
    main([*line.split(), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in found["tried_defences"]] == ["averaging:8", "self-denoising:1"]
    assert found["hardening_minutes"] > 0
    gap = next(r for r in found["results"] if r["metric"] == "gap@0.2")
    for each in found["tried_defences"]:
        (compared,) = each["gaps"]
        assert compared["undefended"] == pytest.approx(gap["value"], abs=0.02)
    assert main([*line.split(), "--with", "averaging"]) == 4
    assert "leave --with out" in capsys.readouterr().err


def test_defences_of_a_copy_and_of_a_flat_map_are_listed(tmp_path, monkeypatch, capsys):
    """Neither a change of the error nor a gap exists."""
    write_model(tmp_path)
    (tmp_path / "maps.py").write_text(MAPS)
    monkeypatch.chdir(tmp_path)
    line = "--data small.py:images --pairs 2 --budgets 0.2 --linf-budgets --gradient-free 0"
    line += " --losses latent-l2 --effort 0.1 --quiet --processes 1 --despite-checks --try-defences"
    for name, shown in (
        ("Copy", r"averaging:8 +0\.80 +0\.\d\d +0\.\d\d +– "),
        ("Flat", r"averaging:8( +–){3} +\+0%"),
    ):
        main([*f"audit maps.py:{name}".split(), *line.split()])
        found = capsys.readouterr()
        assert found.err == ""
        assert re.search(shown, found.out), found.out


@pytest.mark.parametrize("loss", ["latent-kl", "output-l2 --threat l2 --budgets 0.2"])
def test_attack_and_evaluate_expose_a_masked_gradient(tmp_path, monkeypatch, capsys, loss):
    """The command `attack` adds the attacks of an audit; `evaluate` measures their smallest gap."""
    write_model(tmp_path)
    monkeypatch.chdir(tmp_path)
    line = "small.py:load --data small.py:images --quiet"
    short = f"--loss {loss} --pairs 3 --gradient-free 0 --restarts 1 --max-evaluations 60"
    found = {}
    for name, defence in (("plain", ""), ("masked", f"--with {PLANTED}:rounded")):
        main(f"attack {line} {defence} {short} --processes 1 --json --out {name}".split())
        found[name] = json.loads(capsys.readouterr().out)
    raised = {flag["name"] for flag in found["masked"]["flags"] if flag["raised"]}
    assert {"transfer beats the attack", "transfer lowers the gap"} <= raised
    others = [flag["name"] for flag in found["plain"]["flags"] if flag["raised"]]
    assert not any("transfer" in name for name in others)
    gaps = [each["measures"]["gap@0.2"]["value"] for each in found.values()]
    assert gaps[1] < gaps[0] + 0.05
    rows = read_rows(next((tmp_path / "masked/attacks").iterdir()) / "budgets")
    assert {row["how"] for row in rows} & {"undefended", "transfer", "bpda"}
    assert max(row["transfer_fall"] for row in rows) > 0.1
    assert {row["fresh_gap"] for row in rows} == {None}
    main(f"evaluate masked --json {line.partition(' ')[2]}".split())
    assert json.loads(capsys.readouterr().out)["images"]
