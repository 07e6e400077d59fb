"""Pictures decoded again: the pixels are the tensors', and a distortion keeps sign and scale."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from seatbelt_vae.report import collect
from seatbelt_vae.report.drawing.images import pixels, png_uri, signed
from seatbelt_vae.report.image_panels import panels, reconstructions, traversals
from seatbelt_vae.runs import read_tensors

BUDGETS = "attacks/latent-kl-strong/budgets"


def decoded(uri: str, mode: str) -> NDArray[np.float64]:
    head, data = uri.split(",")
    assert head == "data:image/png;base64"
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    return np.asarray(image.convert(mode), dtype=np.float64)


def test_grey_and_rgb_pixels_span_the_bounds_and_clip_beyond() -> None:
    grey = torch.tensor([[[-1.0, 0.0, 1.0, 3.0]]])
    assert decoded(png_uri(pixels(grey, (-1, 1))), "L").tolist() == [[0, 128, 255, 255]]
    rgb = torch.tensor([0.0, 0.5, 1.0]).view(3, 1, 1)
    assert decoded(png_uri(pixels(rgb, (0, 1))), "RGB").tolist() == [[[0, 128, 255]]]


def test_a_distortion_is_blue_below_orange_above_and_transparent_at_zero() -> None:
    d = torch.tensor([[[-2.0, -0.5, 0.0, 0.5, 1.0]]])
    found = decoded(png_uri(signed(d, scale=1.0)), "RGBA")[0]
    assert found[:, 3] == pytest.approx([255, 127.5, 0, 127.5, 255], abs=2)
    below, above = found[1], found[3]
    assert below[2] > below[0]
    assert above[0] > above[2]
    opposite = torch.tensor([1.0, -1.0, 0.0]).view(3, 1, 1)
    assert decoded(png_uri(signed(opposite, 1.0)), "RGBA")[0, 0, 3] == 0, "mean over channels"


def test_a_zero_distortion_is_transparent() -> None:
    assert decoded(png_uri(signed(torch.zeros(1, 2, 2), 0.0)), "RGBA")[..., 3].max() == 0


def test_panels_show_the_stored_pictures_with_one_scale_for_all_models(demo: list[Path]) -> None:
    panel = panels(collect(demo), "latent-kl-strong")[3]
    assert panel.indices == (30, 31)
    stored = [read_tensors(d / BUDGETS / "pair-00003.safetensors") for d in demo]
    distortions = [s["adversarial"][4] - s["x"] for s in stored]
    assert panel.scales[0.5] == pytest.approx(max(float(d.abs().max()) for d in distortions))
    row, pictures = panel.rows[1], stored[1]
    shown = {
        "x": row.input,
        "reconstruction_x": row.reconstruction,
        "target": row.target,
    }
    for name, uri in shown.items():
        expected = (pictures[name][0].numpy() + 1) * 127.5
        assert decoded(uri, "L") == pytest.approx(expected, abs=0.51)
    for k, budget in enumerate(row.budgets):
        for name, uri in (
            ("adversarial", budget.adversarial),
            ("reconstruction", budget.reconstruction),
        ):
            expected = np.clip((pictures[name][k, 0].numpy() + 1) * 127.5, 0, 255)
            assert decoded(uri, "L") == pytest.approx(expected, abs=0.51)


def test_the_distortion_shown_is_adversarial_minus_input(demo: list[Path]) -> None:
    stored = read_tensors(demo[0] / BUDGETS / "pair-00000.safetensors")
    panel = panels(collect(demo), "latent-kl-strong")[0]
    found = decoded(panel.rows[0].budgets[2].distortion, "RGBA")
    signed = np.sign(found[..., 0] - found[..., 2]) * found[..., 3] / 255
    expected = (stored["adversarial"][2, 0] - stored["x"][0]).numpy() / panel.scales[0.2]
    assert signed == pytest.approx(expected, abs=0.01)


def test_strips_are_as_wide_as_their_images_and_named_by_layer_and_unit(demo: list[Path]) -> None:
    run = collect(demo)[2]
    strip = reconstructions(run)
    assert strip is not None
    assert decoded(strip.uri, "L").shape == (2 * 64 + 2, 8 * 64 + 7 * 2)
    strips = traversals(run)
    assert [s.label for s in strips[:4]] == ["z¹, unit 1", "z¹, unit 2", "z¹, unit 3", "z², unit 1"]
    assert decoded(strips[0].uri, "L").shape == (64, 9 * 64 + 8 * 2)
