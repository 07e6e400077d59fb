"""Mistakes of adapters that keep every promise of the protocol, planted and found on images."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from seatbelt_vae import load_data, open_subject, subject_of_model, wrap
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.subjects.adapters.alternatives import better_code, better_heads, better_reading
from seatbelt_vae.subjects.reading_checks import check_reading
from seatbelt_vae.testing import check_autoencoder, check_on_images

SHAPE = (1, 8, 8)


class Tutorial(nn.Module):
    """A VAE of flattened images in [0, 1]; ``decode`` returns probabilities or logits."""

    def __init__(self, logits=False):
        super().__init__()
        self.heads, self.back, self.logits = nn.Linear(64, 8), nn.Linear(4, 64), logits

    def encode(self, x):
        mean, log_variance = self.heads(x).chunk(2, dim=1)
        return mean, log_variance

    def decode(self, z):
        logits = self.back(z)
        return logits if self.logits else logits.sigmoid()

    def forward(self, x):
        mean, log_variance = self.encode(x.flatten(1))
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        return self.decode(z).view_as(x)


def blobs(count):
    """Bright squares in one of four corners, with noise, in [0, 1]."""
    draws = torch.Generator().manual_seed(0)
    x = 0.1 * torch.rand(count, *SHAPE, generator=draws)
    for i, image in enumerate(x):
        row, column = divmod(i % 4, 2)
        image[0, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += 0.85
    return x


@pytest.fixture(scope="module")
def trained():
    """The weights of a VAE that reconstructs blobs."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module, x = Tutorial(logits=True), blobs(64).flatten(1)
        optimizer = torch.optim.Adam(module.parameters(), lr=2e-2)
        for _ in range(300):
            mean, log_variance = module.encode(x)
            z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
            likelihood = binary_cross_entropy_with_logits(module.decode(z), x, reduction="sum")
            kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
            optimizer.zero_grad()
            (likelihood + kl).backward()
            optimizer.step()
    return module.state_dict()


def module_of(weights, **options):
    module = Tutorial(**options)
    module.load_state_dict(weights)
    return module.eval()


def raised(model, images, **options):
    return {found.name for found in check_on_images(model, images, **options) if found.raised}


@pytest.mark.parametrize("logits", [False, True])
def test_a_good_model_raises_nothing(trained, logits):
    module = module_of(trained, logits=logits)
    model = wrap(module, SHAPE, output="logits" if logits else "image")
    check_autoencoder(model)
    plain = module_of(trained)
    assert raised(model, blobs(32), forward=plain) == set()


class Swapped(Tutorial):
    def encode(self, x):
        mean, log_variance = super().encode(x)
        return log_variance, mean


class StandardDeviation(Tutorial):
    def encode(self, x):
        mean, log_variance = super().encode(x)
        return mean, (0.5 * log_variance).exp()


class MixesRows(Tutorial):
    def encode(self, x):
        mean, log_variance = super().encode(x)
        return mean - mean.mean(0) + 0.3, log_variance


def planted(kind, weights):
    module = kind()
    module.load_state_dict(weights)
    return module


MISTAKES = {
    "bounds": (lambda w: wrap(module_of(w), SHAPE, (-1.0, 1.0)), {"unexplained"}),
    "bytes": (lambda w: wrap(module_of(w), SHAPE, (0.0, 255.0)), {"unexplained"}),
    "logits": (
        lambda w: wrap(module_of(w, logits=True), SHAPE),
        {"unexplained", "out of range"},
    ),
    "probabilities": (lambda w: wrap(module_of(w), SHAPE, output="logits"), {"unexplained"}),
    "swapped heads": (lambda w: wrap(planted(Swapped, w), SHAPE), {"unexplained"}),
    "untrained": (lambda _: wrap(Tutorial(), SHAPE), {"unexplained"}),
    "standard deviation": (
        lambda w: wrap(planted(StandardDeviation, w), SHAPE),
        {"wide posterior"},
    ),
    "mixed rows": (lambda w: wrap(planted(MixesRows, w), SHAPE), {"mixed rows"}),
}


@pytest.mark.parametrize(("plant", "names"), MISTAKES.values(), ids=MISTAKES)
def test_a_planted_mistake_is_found_by_name(plant, names, trained):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = plant(trained)
    low, high = model.bounds
    assert names <= raised(model, low + (high - low) * blobs(30))


def test_a_forward_that_does_something_else_is_found(trained):
    model, other = wrap(module_of(trained), SHAPE), module_of(trained)
    assert raised(model, blobs(32), forward=lambda x: 1 - other(x)) == {"forward"}


def test_the_better_reading_is_named(trained):
    for model, better in (
        (wrap(module_of(trained), SHAPE, (-1.0, 1.0)), "give --bounds 0,1"),
        (wrap(module_of(trained, logits=True), SHAPE), "give --output logits"),
        (
            wrap(module_of(trained, logits=True), SHAPE, (-1.0, 1.0)),
            "give --bounds 0,1 --output logits",
        ),
        (wrap(module_of(trained), SHAPE), None),
        (wrap(Tutorial(), SHAPE), None),
    ):
        low, high = model.bounds
        found = better_reading(model, low + (high - low) * blobs(32))
        assert (None if found is None else found.remedy) == better
    unbounded = replace(wrap(module_of(trained), SHAPE), bounds=None)
    assert better_reading(unbounded, blobs(32)) is None


def test_too_few_images_are_refused(trained):
    with pytest.raises(ConfigError, match="number of images"):
        check_on_images(wrap(module_of(trained), SHAPE), blobs(7))


def test_doubts_of_a_subject_are_logged_and_stored(tmp_path, monkeypatch, caplog):
    np.save(tmp_path / "blobs.npy", (255 * blobs(120)[:, 0]).round().byte().numpy())
    (tmp_path / "mine.py").write_text(
        "from tests.subjects.test_plausibility import Tutorial\n"
        "def load():\n"
        "    return Tutorial()\n"
    )
    monkeypatch.chdir(tmp_path)
    data = load_data("array", tmp_path / "blobs.npy")
    subject = open_subject("mine.py:load", data)
    (doubt,) = subject.about()["doubts"]
    assert doubt.startswith("the model reconstructs worse than the mean image (")
    (record,) = caplog.records
    assert record.getMessage() == f"mine-load: {doubt}"


class Scaled(Tutorial):
    """The same model whose encoder returns σ, log σ, σ² or σ before a softplus."""

    read = staticmethod(lambda std: std)

    def encode(self, x):
        mean, log_variance = super().encode(x)
        return mean, self.read((0.5 * log_variance).exp())

    def forward(self, x):
        mean, log_variance = Tutorial.encode(self, x.flatten(1))
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        return self.decode(z).view_as(x)


SPREADS = {
    "std": lambda std: std,
    "log-std": torch.log,
    "variance": torch.square,
    "softplus": lambda std: std.expm1().log(),
}


@pytest.mark.parametrize("code", SPREADS)
def test_another_spread_is_found_by_the_noise_of_forward(code, trained):
    module = planted(Scaled, trained)
    module.read = SPREADS[code]
    images, wrong, right = blobs(32), wrap(module, SHAPE), wrap(module, SHAPE, code=code)
    assert "forward noise" in raised(wrong, images, forward=module)
    assert better_code(wrong, images, module) == code
    assert raised(right, images, forward=module) == set()
    assert better_code(right, images, module) is None


class Interleaved(Tutorial):
    """Heads that were interleaved and are split in halves."""

    def encode(self, x):
        mean, log_variance = super().encode(x)
        return torch.stack([mean, log_variance], dim=2).flatten(1).chunk(2, dim=1)


def test_the_order_of_the_heads_is_named(trained):
    for kind, order in ((Swapped, "in the other order"), (Interleaved, "0::2"), (Tutorial, None)):
        model = wrap(planted(kind, trained), SHAPE)
        found = better_heads(model, blobs(32))
        assert found is None if order is None else order in found.remedy


class Variance(Tutorial):
    """A variance below 1 read as a log-variance: σ is just above 1."""

    def encode(self, x):
        mean, log_variance = super().encode(x)
        return mean, 0.001 * (log_variance - 5).sigmoid()


class Symmetric(Tutorial):
    """Takes and returns images in [-1, 1], and reconstructs images in [0, 1] nearly as well."""

    def encode(self, x):
        return super().encode((x.flatten(1) + 1) / 2)

    def decode(self, z):
        return 2 * super().decode(z) - 1


class Normalised(Tutorial):
    """Takes and returns images of mean 0.45 and deviation 0.22."""

    def encode(self, x):
        return super().encode(0.45 + 0.22 * x.flatten(1))

    def decode(self, z):
        return (super().decode(z) - 0.45) / 0.22


REMEDIES = {
    "bounds": (Symmetric, "other reading", "give --bounds -1,1"),
    "normalised": (Normalised, "other reading", "wrap(module, shape, ((0 - mean) / std,"),
    "swapped": (Swapped, "order of heads", "the mean first"),
    "std": (StandardDeviation, "wide posterior", "give --code std"),
    "variance": (Variance, "wide posterior", "--code variance if it is σ²"),
}


@pytest.mark.parametrize(("kind", "name", "remedy"), REMEDIES.values(), ids=REMEDIES)
def test_a_planted_mistake_has_a_remedy(kind, name, remedy, trained):
    model = wrap(planted(kind, trained), SHAPE)
    found = {each.name: each for each in check_reading(subject_of_model(model, "it"), blobs(32))}
    assert found[name].raised
    assert remedy in found[name].remedy
    raised = [each for each in found.values() if each.raised]
    assert name == "wide posterior" or {each.remedy for each in raised} == {found[name].remedy}


def test_a_well_read_model_has_no_other_reading(trained):
    model = wrap(module_of(trained), SHAPE)
    found = check_reading(subject_of_model(model, "it"), blobs(32))
    assert not [each.name for each in found if each.raised]
    (unexplained,) = (
        each
        for each in check_reading(subject_of_model(wrap(Tutorial(), SHAPE), "it"), blobs(32))
        if each.raised
    )
    assert unexplained.remedy.startswith("check that the weights are loaded")


class Ends(Tutorial):
    def decode(self, z):
        return (2 * super().decode(z) - 0.5).clamp(0, 1)


def test_clamped_ends_are_told_from_saturated_ones(trained):
    clamped = wrap(planted(Ends, trained), SHAPE)
    assert "clamped ends" in raised(clamped, blobs(32))
    module = module_of(trained, logits=True)
    with torch.no_grad():
        module.back.weight *= 8
        module.back.bias *= 8
    saturated = wrap(module, SHAPE, (-1.0, 1.0), output="logits")
    ends = saturated.decode(saturated.encode(2 * blobs(32) - 1).z).mean.abs() == 1
    assert ends.double().mean() > 0.25
    assert "clamped ends" not in raised(saturated, 2 * blobs(32) - 1)


def test_a_saturated_background_raises_nothing():
    class Silhouettes(nn.Module):
        def encode(self, x):
            return x.flatten(1)

        def decode(self, z):
            return (400 * (z - 0.5)).sigmoid().view(-1, *SHAPE)

    shapes = (blobs(32) > blobs(32).median()).float()
    model = wrap(Silhouettes(), SHAPE)
    reconstruction = model.decode(model.encode(shapes).z).mean
    assert torch.equal(reconstruction, shapes)
    assert not raised(model, shapes)
