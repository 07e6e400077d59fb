"""The training of public models: their objectives in the terms of this package."""

import json
from dataclasses import asdict

import pytest

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.results import Store
from seatbelt_vae.subjects import open_subject, store_subject
from seatbelt_vae.subjects.disentangling_specs import trained_as
from tests.paper.public_folder import public_folder

# L = E log p − MI − TC − dimension-wise KL at β = 1; the weight of the TC is
EXPECTED = {
    "VAE": ("vae", 1.0),
    "betaH": ("beta-vae", 4.0),
    "btcvae": ("beta-tcvae", 6.4),  # β, which replaces the 1
    "factor": ("factor-vae", 3.5),  # the 1 of the KL, and γ = 2.5
}


@pytest.mark.parametrize("loss", EXPECTED)
def test_objective_and_schedule_are_those_of_the_specs(tmp_path, loss):
    folder = public_folder(tmp_path / "models", [loss])
    found = trained_as(folder / f"{loss}_dsprites.safetensors")
    assert (found.model.preset, found.objective.beta) == EXPECTED[loss]
    assert (found.model.latent_sizes, found.model.likelihood) == ((3,), "bernoulli")
    training = asdict(found.training)
    expected = {"epochs": 30, "batch_size": 64, "learning_rate": 0.0005, "seed": 1234}
    assert {name: training[name] for name in expected} == expected


def test_without_a_preset_or_an_entry_nothing_is_known(tmp_path):
    weights = public_folder(tmp_path / "a", ["btcvae"], btcvae_G=2) / "btcvae_dsprites.safetensors"
    assert trained_as(weights) is None
    assert trained_as(weights.with_name("another_kind.safetensors")) is None
    assert trained_as(tmp_path / "nowhere.safetensors") is None
    assert (
        trained_as(public_folder(tmp_path / "b", ["betaB"]) / "betaB_dsprites.safetensors") is None
    )


@pytest.mark.parametrize(
    "content", ["[]", '{"VAE_dsprites": {}}', '{"VAE_dsprites": {"specs": {"loss": "VAE"}}}', "{"]
)
def test_damaged_entries_are_one_line(tmp_path, content):
    folder = public_folder(tmp_path / "models", ["VAE"])
    (folder / "models.json").write_text(content)
    with pytest.raises(ArtifactError, match=r"models\.json") as error:
        open_subject(folder / "VAE_dsprites.safetensors")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", ["many", -1, None])
def test_impossible_values_are_named(tmp_path, value):
    folder = public_folder(tmp_path / "models", ["VAE"], batch_size=value)
    with pytest.raises(ArtifactError, match="the specs of VAE_dsprites are damaged or incomplete"):
        trained_as(folder / "VAE_dsprites.safetensors")


def test_the_results_store_knows_beta_and_seed(tmp_path):
    folder = public_folder(tmp_path / "models")
    for name in ("VAE_dsprites", "factor_dsprites"):
        store_subject(open_subject(folder / f"{name}.safetensors"), tmp_path / "runs" / name)
    query = "SELECT run, beta, seed, latent_sizes, finished FROM runs ORDER BY run"
    assert Store.open([tmp_path / "runs"]).query(query).to_pylist() == [
        {"run": "VAE_dsprites", "beta": 1.0, "seed": 1234, "latent_sizes": [3], "finished": True},
        {
            "run": "factor_dsprites",
            "beta": 3.5,
            "seed": 1234,
            "latent_sizes": [3],
            "finished": True,
        },
    ]
    about = tmp_path / "runs" / "VAE_dsprites" / "subject.json"
    for damaged in ([], "x", None):  # also folders of older versions, without the key
        about.write_text(json.dumps(json.loads(about.read_text()) | {"trained_as": damaged}))
        (first, _) = Store.open([tmp_path / "runs"]).query(query).to_pylist()
        assert (first["beta"], first["seed"]) == (None, None)
