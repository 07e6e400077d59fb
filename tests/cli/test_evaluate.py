"""The screen output of ``evaluate``: one sentence, then rows with units and meanings by topic."""

from typing import Any

from seatbelt_vae.cli.evaluate import evaluation_text

BOUNDS = {"chains": 8, "error": 0.012, "images": 60, "queries": 1000, "saturated": False}
MEASURES: dict[str, Any] = {
    "images": 20,
    "elbo": 170.054,
    "iwae": 179.62,
    "log_likelihood": 215.21,
    "divergences": [13.33, 2.03],
    "total_correlation": {"lower": 0.05, "upper": 0.0515, **BOUNDS},
    "mutual_information": {"lower": 1.726, "upper": 1.727, **BOUNDS},
    "iou": None,
    "unexplained_variance": 0.12791,
    "sigma_norm": {"mean": [1.013, 0.8009], "quantiles": [[0.94, 0.65]], "quantile_levels": [0.5]},
    "active_units": [32, 3],
    "active_threshold": 0.135,
}


def rows(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_a_sentence_comes_first_and_rows_have_units_and_meanings() -> None:
    text = evaluation_text(MEASURES)
    assert max(map(len, text.splitlines())) <= 100
    shown = rows(text)
    assert " ".join(shown[:2]) == (
        "Reconstructions miss 12.8 % of the variance of 20 held-out images; the ELBO is 170.1 nats "
        "per image; 35 latent units carry information."
    )
    titles = [line for line in text.splitlines()[2:] if line and not line.startswith(" ")]
    assert titles == ["reconstructions", "likelihood", "codes"]
    begin = ("ELBO, β = 1 170.1 nats per image ↑ Evidence lower bound", "‖σ‖ 1.013 0.8009 Width")
    assert all(any(line.startswith(b) for line in shown) for b in begin)
    assert "KL to the prior 15.36 nats per image Divergence of the posterior" in text_of(shown)
    assert "TC(zᴸ) 0.05 … 0.0515 ± 0.01 nats ↓ Total correlation" in text_of(shown)
    assert "active units 32 + 3 per layer" in text_of(shown)
    assert "IoU" not in text  # it has no value


def text_of(shown: list[str]) -> str:
    return " ".join(shown)


def test_optional_and_saturated_measures_and_those_left_out_are_named() -> None:
    noisy = {"0": 230.12, "0.5": -1.5}
    more = {"denoising": noisy, "mig": 0.12, "left_out": {"iwae": ["likelihood", "prior"]}}
    saturated = {"lower": 4.1, "upper": 4.1, **BOUNDS, "chains": 1}
    text = text_of(rows(evaluation_text({**MEASURES, **more, "mutual_information": saturated})))
    assert "on request log p(x|z), z of a noisy image 0: 230.1 · 0.5: -1.5 nats per image" in text
    assert "I(x; zᴸ) 4.1 ± 0.01 nats (saturated: limited by 60 images)" in text
    assert "MIG 0.12 ↑ Gap between the two largest mutual informations" in text
    assert "left out iwae: the model has no likelihood, no prior" in text


def test_a_model_without_codes_has_a_sentence_about_its_reconstructions() -> None:
    text = evaluation_text({"images": 8, "unexplained_variance": 0.5})
    assert text.startswith("Reconstructions miss 50 % of the variance of 8 held-out images.\n")
    assert evaluation_text({"images": 8}) == "8 held-out images were measured.\n"
