"""Public models: measured in place of trained ones; claims about these models."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from seatbelt_vae.cli import main
from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.paper.claims import answer_all
from seatbelt_vae.paper.experiment import Member
from seatbelt_vae.paper.experiments import PUBLIC
from seatbelt_vae.paper.paper_model import Model
from seatbelt_vae.paper.public_models import public_models
from seatbelt_vae.paper.sizes import SIZES
from seatbelt_vae.results import Store
from tests.paper.made_up import MadeUp, made_up
from tests.paper.public_folder import public_folder, specs

MADE_UP = [
    Member(series, Model("dsprites", preset, beta, (10,)))
    for series, preset, beta in (
        ("β-TCVAE", "vae", 1),
        ("β-TCVAE", "beta-tcvae", 6),
        ("FactorVAE", "vae", 1),
        ("FactorVAE", "factor-vae", 7),
    )
]


@pytest.fixture(scope="module")
def store():
    return made_up([replace(PUBLIC, members=lambda _: MADE_UP)], SIZES["small"])


def test_claims_are_answered_for_single_trainings(store):
    answers = {answer.claim.id: answer for answer in answer_all(store)}
    assert list(answers) == ["C1", "C4", "C9"]
    for name in ("C1", "C4"):
        assert all(e.estimate.seeds == 1 for e in answers[name].effects["dsprites"])
        assert all(e.estimate.low is not None for e in answers[name].effects["dsprites"])
    # the made-up gap rises with β and the AUDDC does not, so that not every contrast holds
    assert answers["C1"].verdict == "only under the weak protocol"
    assert answers["C1"].why == "of these models only, on dsprites"
    assert answers["C9"].why == "fewer than 10 models per data set"


def test_a_rise_is_that_of_the_rows(store):
    gap = answer_all(store)[0].effects["dsprites"][0]
    suite = "latent-kl-all-strong"
    rows = [r for r in store.views["pairs"] if r["suite"] == suite and r["told_apart"]]
    of = {
        preset: np.mean([r["gap@0.2"] for r in rows if f"dsprites-{preset}-" in r["run"]])
        for preset in ("vae", "beta-tcvae")
    }
    assert gap.estimate.value == pytest.approx(of["beta-tcvae"] - of["vae"])


def test_factor_vaes_take_part_in_c4_alone(store):
    series = {
        claim.id: {term.series for c in claim.contrasts for term in c.terms}
        for claim in (answer.claim for answer in answer_all(store))
    }
    assert series == {
        "C1": {"β-TCVAE"},
        "C4": {"β-TCVAE", "FactorVAE"},
        "C9": {"all models"},
    }


def test_models_without_total_correlation_test_nothing(store):
    evaluations = [row | {"tc_lower": 0.9} for row in store.views["evaluations"]]
    answers = answer_all(MadeUp({**store.views, "evaluations": evaluations}))
    assert [a.verdict for a in answers] == ["not testable at this size"] * 2 + ["undecided"]


def test_a_plain_vae_is_the_unpenalised_model_of_every_kind(tmp_path):
    folder = public_folder(tmp_path / "models", ("VAE", "betaH", "btcvae", "betaB"))
    found = {model.name: model for model in public_models(folder)}
    assert list(found) == ["VAE_dsprites", "betaH_dsprites", "btcvae_dsprites"]
    assert found["VAE_dsprites"].series == ("β-VAE", "β-TCVAE")
    assert found["btcvae_dsprites"].series == ("β-TCVAE",)
    alone = public_folder(tmp_path / "alone", ("VAE",), dataset="celeba")
    (model,) = public_models(alone)
    assert (model.series, model.training.data.name) == (("VAE",), "celeba-uncropped")


def test_a_folder_of_another_layout_is_refused(tmp_path):
    with pytest.raises(ArtifactError, match=r"has no models\.json: give the folder"):
        public_models(tmp_path)
    (tmp_path / "models.json").write_text(json.dumps({"VAE_x": {"specs": specs("VAE")}}))
    with pytest.raises(ArtifactError, match="has the weights of no model"):
        public_models(tmp_path)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The output folder and command of three models of dSprites, and one whose set is absent."""
    place = tmp_path_factory.mktemp("public")
    folder = public_folder(place / "models")
    absent = public_folder(place / "absent", ("VAE",), dataset="celeba")
    listed = json.loads((folder / "models.json").read_text())
    listed |= json.loads((absent / "models.json").read_text())
    (folder / "models.json").write_text(json.dumps(listed))
    shutil.copy(absent / "VAE_celeba.safetensors", folder)
    command = ["reproduce", "public", "--size", "smoke", "--jobs", "1"]
    command += ["--models", str(folder), "--out", str(place / "out"), "--quiet", "--json"]
    assert main(command) == 0
    return place / "out", command


def test_every_model_is_attacked_measured_and_shown(made):
    out, _ = made
    found = Store.open([out / "rows"])
    members = found.query("SELECT series, run, beta FROM members JOIN runs USING (run)").to_pylist()
    assert {(row["series"], row["run"], row["beta"]) for row in members} == {
        ("β-TCVAE", "VAE_dsprites", 1.0),
        ("FactorVAE", "VAE_dsprites", 1.0),
        ("β-TCVAE", "btcvae_dsprites", 6.4),
        ("FactorVAE", "factor_dsprites", 3.5),
    }
    suites = found.query("SELECT run, loss, strength FROM suites WHERE finished").to_pylist()
    assert len(suites) == 3 * 3 * 2
    columns = "elbo, tc_lower, mi_lower, unexplained_variance, mig"
    for row in found.query(f"SELECT {columns} FROM evaluations").to_pylist():
        assert None not in row.values()
    page = (out / "reproduction.html").read_text()
    assert "<strong>No celeba-uncropped.</strong> CelebA is for research" in page
    assert "by others, 30 to 30 epochs" in page
    assert "published (64×64)" in page
    for figure in PUBLIC.figures:
        for strength in ("paper", "strong") if figure.attacked else ("",):
            assert found.query(figure.query("public", strength)).num_rows > 0
    claims = json.loads((out / "claims.json").read_text())
    assert [claim["claim"] for claim in claims] == ["C1", "C4", "C9"]


def test_again_measures_nothing_and_makes_the_same_page(made, capsys):
    out, command = made
    page = (out / "reproduction.html").read_bytes()
    before = {path: path.stat().st_mtime_ns for path in out.glob("runs/*/attacks/*/pair*")}
    assert before
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out)["missing"].keys() == {"celeba-uncropped"}
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert (out / "reproduction.html").read_bytes() == page


def test_rows_are_enough_to_continue(made, tmp_path, capsys):
    out, command = made
    copy = shutil.copytree(out, tmp_path / "out", ignore=shutil.ignore_patterns("runs"))
    elsewhere = [str(copy) if word == str(out) else word for word in command]
    assert main(elsewhere) == 0
    assert json.loads(capsys.readouterr().out)["missing"].keys() == {"celeba-uncropped"}
    assert not list((copy / "runs").iterdir())
    assert Store.open([copy / "rows"]).query("FROM members").num_rows == 4
    assert (copy / "claims.json").read_bytes() == (out / "claims.json").read_bytes()


def test_finished_models_alone_are_shown_on_request(made, tmp_path, capsys):
    out, command = made
    copy = shutil.copytree(out, tmp_path / "out", ignore=shutil.ignore_patterns("rows"))
    shutil.rmtree(copy / "runs" / "factor_dsprites")
    elsewhere = [str(copy) if word == str(out) else word for word in command]
    assert main([*elsewhere, "--finished"]) == 0
    assert json.loads(capsys.readouterr().out)["failures"] == {}
    assert not (copy / "runs" / "factor_dsprites").exists()
    runs = Store.open([copy / "rows"]).query("SELECT DISTINCT run FROM members")["run"].to_pylist()
    assert sorted(runs) == ["VAE_dsprites", "btcvae_dsprites"]
    # one model is not here, and the data set of another one is not
    assert "Not finished: 1 models." in (copy / "reproduction.html").read_text()
    shutil.rmtree(copy)
    assert main([*elsewhere, "--finished"]) == 2
    assert "no model is finished: leave --finished out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["public"], "public without models"),
        (["public", "fig3"], "public beside other figures"),
        (["fig3", "--models", "."], "models is for public"),
        (["public", "--models", ".", "--estimate"], "public trains nothing"),
    ],
)
def test_flags_that_do_not_go_together_are_refused(words, error, capsys):
    assert main(["reproduce", *words]) == 2
    assert error in capsys.readouterr().err
