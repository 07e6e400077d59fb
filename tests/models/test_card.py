"""Contents of model cards, and their Markdown for any text."""

import re
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt

from seatbelt_vae.config import (
    PRESETS,
    DataConfig,
    ModelConfig,
    ObjectiveConfig,
    RunConfig,
    TrainingConfig,
    resolve,
)
from seatbelt_vae.models import HierarchicalVAE
from seatbelt_vae.models.card import CardTable, model_card

CONFIG = RunConfig(
    DataConfig("dsprites", images=5000),
    ModelConfig("seatbelt", latent_sizes=(4, 3), network="mlp", features=8, variance=0.25),
    ObjectiveConfig(beta=10.0, kl_warm_up=1500),
    TrainingConfig(steps=20000, batch_size=64, seed=5),
)
ARCHITECTURE = resolve(CONFIG.model, "dsprites", (1, 4, 5), (-1.0, 1.0))


def _cells(markdown: str) -> list[list[str]]:
    """The text of every row of every table, by an independent Markdown parser."""
    rows: list[list[str]] = []
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    for before, token in pairwise(tokens):
        if before.type == "tr_open":
            rows.append([])
        if before.type in ("td_open", "th_open"):
            rows[-1].append("".join(child.content for child in token.children or []))
    return rows


def _card(config: RunConfig = CONFIG, **facts: object) -> ModelCard:
    return model_card(ARCHITECTURE, config, **facts)


def plain(markdown: str) -> str:
    return markdown.replace("\\", "")


def test_the_front_matter_is_the_hubs() -> None:
    read = ModelCard(str(_card(licence="cc-by-nc-4.0")))
    assert read.data.to_dict() == {
        "library_name": "seatbelt-vae",
        "license": "cc-by-nc-4.0",
        "tags": [
            "adversarial-robustness",
            "model_hub_mixin",
            "seatbelt",
            "variational-autoencoder",
        ],
    }
    assert "`cc-by-nc-4.0`, chosen by the person who shared the model" in read.text


def test_no_licence_is_assumed() -> None:
    card = _card()
    assert card.data.license is None
    assert "None was given. Ask the person who shared the model" in card.text


def test_the_model_and_its_training_are_stated() -> None:
    rows = _cells(_card().text)
    for row in (
        ["images", "1 × 4 × 5 (channels, height, width)"],
        ["bounds of a pixel", "−1 … 1"],
        ["latent units per layer", "4, 3 (the layer next to the data first)"],
        ["likelihood", "Gaussian, variance 0.25 for every pixel (fixed, normaliser included)"],
        ["steps", "20,000"],
        ["batch", "64 images"],
        ["seed", "5"],
    ):
        assert row in rows


def test_a_bernoulli_likelihood_has_no_variance() -> None:
    card = model_card(replace(ARCHITECTURE, likelihood="bernoulli"), CONFIG)
    assert ["likelihood", "Bernoulli, on pixels moved to 0 … 1"] in _cells(card.text)
    assert "0.25" not in card.text


@pytest.mark.parametrize(
    ("preset", "beta", "said"),
    [
        ("vae", None, "The objective is the evidence lower bound (ELBO), without a β."),
        ("beta-vae", None, "E log p(x|z) − 4·KL(q(z|x) ‖ p(z)), with β = 4."),
        ("beta-tcvae", 3.5, "The objective is ELBO − 2.5·TC(z), with β = 3.5."),
        ("factor-vae", 3.5, "In training a discriminator estimated it"),
        ("seatbelt", 10.0, "The objective is ELBO − 9·TC(z^L), with β = 10."),
        ("hvae", None, "The objective is the evidence lower bound (ELBO), without a β."),
    ],
)
def test_what_beta_means_depends_on_the_preset(preset: str, beta: float | None, said: str) -> None:
    sizes = (4, 3) if PRESETS[preset].hierarchical else (3,)
    config = replace(
        CONFIG,
        model=ModelConfig(preset, latent_sizes=sizes, network="mlp"),
        objective=ObjectiveConfig(beta=beta),
    )
    card = model_card(resolve(config.model, "dsprites", (1, 4, 5), (-1.0, 1.0)), config)
    assert said in plain(card.text)
    assert ("estimated from the minibatch by mws" in card.text) == (preset in TC)
    assert preset in card.data.tags


TC = ("beta-tcvae", "seatbelt")


def test_free_bits_and_warm_ups_are_stated() -> None:
    assert "0.125 nats per unit were not charged." in _card().text
    assert "The weight of KL(q(z|x) ‖ p(z)) rose from 0 in 1,500 steps." in plain(_card().text)
    assert "The weight of TC" not in _card().text


@pytest.mark.parametrize("preset", ["beta-tcvae", "factor-vae", "seatbelt"])
def test_no_estimator_of_the_tc_is_stated_at_weight_0(preset: str) -> None:
    sizes = (4, 3) if PRESETS[preset].hierarchical else (3,)
    model = ModelConfig(preset, latent_sizes=sizes, network="mlp")
    config = replace(CONFIG, model=model, objective=ObjectiveConfig(beta=1.0, tc_warm_up=9))
    text = model_card(resolve(model, "dsprites", (1, 4, 5), (-1.0, 1.0)), config).text
    assert "The penalty has weight 0 and was not computed in training." in text
    assert "estimated" not in text
    assert "The weight of TC" not in text


def test_cyclic_warm_ups_are_stated() -> None:
    objective = ObjectiveConfig(kl_warm_up=1500, tc_warm_up=20, warm_up_period=2000)
    text = plain(_card(replace(CONFIG, objective=objective)).text)
    assert "The weight of KL(q(z|x) ‖ p(z)) rose from 0 in 1,500 steps, anew every" in text
    assert "The weight of TC(z^L) rose from 0 in 20 steps, anew every 2,000 steps." in text


def test_defences_and_their_settings_are_stated() -> None:
    names = ("denoising-adversarial", "coupled-encoder", "encoder-jacobian")
    chosen = ObjectiveConfig(defence=names, defence_norm="linf", jacobian_weight=0.5)
    text = plain(_card(replace(CONFIG, objective=chosen)).text)
    for sentence in (
        "The defence denoising-adversarial has weight 1: E log p(x|z), z ~ q(z|x + δ), less",
        "its linf norm was at most 0.03 of the median distance of two training images, a radius "
        "that rose from 0 in 1,000 steps.",
        "The defence coupled-encoder has weight 1: E KL(q(z̃|x̃) ‖ N(ρz, 1 − ρ²)), z ~ q(z|x), of",
        "x̃ is a second view of x from the source adversarial, ρ is 0.95.",
        "The defence encoder-jacobian has weight 0.5: ‖∂μ/∂x‖_F².",
    ):
        assert sentence in text
    assert "defence" not in _card().text


def test_averaged_weights_are_stated() -> None:
    averaged = replace(CONFIG, training=replace(CONFIG.training, ema_decay=0.999))
    assert ["weights", "their moving average, decay 0.999"] in _cells(_card(averaged).text)
    assert "moving average" not in _card().text


def test_a_limit_of_the_gradient_and_the_schedule_are_stated() -> None:
    assert ["learning rate", "0.001 at the start, cosine decay to 0 (Adam)"] in _cells(_card().text)
    training = replace(CONFIG.training, gradient_clip=250.0, schedule="constant")
    cells = _cells(_card(replace(CONFIG, training=training)).text)
    assert ["learning rate", "0.001, constant (Adam)"] in cells
    assert ["gradient", "scaled down to a norm of 250"] in cells
    assert "scaled down" not in _card().text


def test_tables_escape_any_text() -> None:
    odd = ["E log p(x|z*)", "a*b*c", "<b>", r"\|", "`x` x_t", "−88.0"]
    table = CardTable("a | b", ("x|y", *"bcdef"), [odd], [("p(x|z)", "means *this*")])
    card = _card(measures=[table], flags=[table])
    assert _cells(card.text).count(["x|y", *"bcdef"]) == 2
    assert _cells(card.text).count([*odd[:4], "x x_t", "−88.0"]) == 2
    assert "Nothing yet." not in card.text
    assert "means \\*this\\*" in card.text


def test_unmeasured_robustness_is_called_unknown() -> None:
    text = _card().text
    assert "The robustness of this model is unknown" in text
    assert "Validity flags" not in text


@pytest.mark.parametrize("where", [".", "ada/belt"])
def test_the_example_of_loading_runs(
    where: str, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = HierarchicalVAE(ARCHITECTURE)
    model.trained_as = CONFIG
    model.save_pretrained(f"{tmp_path}/ada/belt")
    monkeypatch.chdir(f"{tmp_path}/ada/belt" if where == "." else str(tmp_path))
    (code,) = re.findall(r"```python\n(.*?)```", _card(where=where).text, re.DOTALL)
    names: dict[str, torch.Tensor] = {}
    exec(code, names)
    assert names["reconstruction"].shape == (2, 1, 4, 5)
