"""A model of vectors without bounds: attack, evaluation and report; budgets in deviations."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from seatbelt_vae import AttackConfig, attack, load_data, open_subject, subject_of_model, wrap
from seatbelt_vae.cli import main
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.protocol import units_of
from seatbelt_vae.runs import read_rows

FEATURES = 64

MODEL = """
from tests.subjects.test_vectors import trained as load
"""


class Net(nn.Module):
    """A linear VAE of 64 features and 4 units."""

    def __init__(self):
        super().__init__()
        self.heads, self.back = nn.Linear(FEATURES, 8), nn.Linear(4, FEATURES)

    def encode(self, x):
        return self.heads(x / scales()).chunk(2, dim=1)

    def decode(self, z):
        return self.back(z) * scales()


def scales():
    """Standard deviations of the features, from 0.01 to 100."""
    return torch.logspace(-2, 2, FEATURES)


def table():
    """Rows on a plane of 4 dimensions in 64 features of very different scales, with noise."""
    draws = torch.Generator().manual_seed(0)
    plane = torch.randn(4, FEATURES, generator=draws) / 2
    codes, noise = (torch.randn(400, n, generator=draws) for n in (4, FEATURES))
    return (codes @ plane + 0.1 * noise) * scales()


def trained():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net, x = Net(), table()
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
        for _ in range(200):
            mean, log_variance = net.encode(x)
            z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
            error = ((net.decode(z) - x) / scales()).square().sum() / 0.02
            kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
            optimizer.zero_grad()
            (error + kl).backward()
            optimizer.step()
    return net.eval()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the table, with one outlier, and the model."""
    folder = tmp_path_factory.mktemp("vectors")
    rows = table().numpy()
    rows[5, 3] = 1e6
    np.savetxt(folder / "rows.csv", rows, delimiter=",")
    (folder / "vae.py").write_text(MODEL)
    return folder


def test_l_inf_budgets_are_multiples_of_each_deviation(place):
    data = load_data(str(place / "rows.csv"))
    model = open_subject(f"{place}/vae.py:load", data).model
    deviations = data.train.batch(np.arange(len(data.train))).double().std(0, correction=0)
    torch.testing.assert_close(units_of(model).double(), deviations, rtol=1e-5, atol=0)
    assert model.bounds is None
    x, target = data.test.batch(np.arange(6)).chunk(2)
    config = AttackConfig("output-l2", threat="linf", budgets=(0.1, 0.5), recheck=0)
    found = attack(model, x, target, config)
    for i, epsilon in enumerate(config.budgets):
        shares = ((found.adversarial[:, i] - x).double().abs() / deviations).amax(1)
        assert (shares <= epsilon * (1 + 1e-6)).all()
        assert (shares > 0.99 * epsilon).all()
        torch.testing.assert_close(found.norms.linf[:, i], shares, rtol=1e-6, atol=0)
    # a linear model: the reconstruction of every x* in the box is within the sum of the columns
    assert (found.divergence[:, 1] < found.divergence[:, 0]).all()


def test_bounds_per_feature_scale_the_budget():
    low, high = torch.zeros(4), torch.tensor([1.0, 10.0, 100.0, 1.0])
    model = wrap(lambda x: 1.5 * x, (4,), (low, high))
    x, target = high[None] * 0.5, high[None] * 0.9
    config = AttackConfig("output-l2", threat="linf", budgets=(0.1,), recheck=0)
    found = attack(model, x, target, config).adversarial[0, 0]
    torch.testing.assert_close((found - x[0]).abs().max().item(), 10.0, rtol=1e-4, atol=0)
    assert ((found - x[0]).abs() <= 0.1 * high * (1 + 1e-6)).all()


def test_images_are_mapped_to_bounds_per_channel(tmp_path):
    np.save(tmp_path / "images.npy", np.random.default_rng(0).integers(0, 256, (30, 8, 8, 3), "u1"))
    data = load_data("array", tmp_path / "images.npy")
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ([0.5, 0.4, 0.3], [0.2, 0.3, 0.1]))
    limits = (0 - mean) / std, (1 - mean) / std
    subject = subject_of_model(wrap(lambda x: x, (3, 8, 8), limits), "normalised")
    unit = (data.test.batch(np.arange(3)) + 1) / 2
    mapped = subject.images(data).test.batch(np.arange(3))
    torch.testing.assert_close(mapped, (unit - mean) / std, rtol=1e-5, atol=1e-5)


def test_rows_outside_the_bounds_are_left_out_and_counted(place, caplog):
    data = load_data(str(place / "rows.csv"))
    model = wrap(trained(), (FEATURES,), (-1000.0, 1000.0))
    inside = subject_of_model(model, "bounded").images(data)
    assert len(inside.train) + len(inside.test) == 399
    assert "1 of 360 train rows are outside the bounds of 'bounded'" in caplog.text
    with pytest.raises(ConfigError, match="'bounded' can take no train row of 'table'"):
        subject_of_model(replace(model, bounds=(0.0, 1.0)), "bounded").images(data)


def test_an_outlier_without_a_finite_code_does_not_stop_the_others(place, caplog):
    data = load_data(str(place / "rows.csv"))
    net = trained()
    net.encode = lambda x: (Net.encode(net, x)[0].exp(), Net.encode(net, x)[1])
    subject = subject_of_model(wrap(net, (FEATURES,), None), "exponential")
    assert len(subject.images(data).train) == 359
    assert "1 of 360 train rows" in caplog.text
    assert "first row 5" in caplog.text


def test_from_a_table_to_a_report(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    given = ("vae.py:load", "--data", "rows.csv")
    quick = ("--pairs", "2", "--restarts", "1", "--processes", "1")
    for threat in ("l2", "linf"):
        assert main(["attack", *given, *quick, "--threat", threat, "--loss", "output-l2"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "code: log-variance, 4" in said
    assert "input: unbounded" in said
    rows = read_rows(place / "runs/vae-load/attacks/output-l2-within-linf-strong", "pair-*.parquet")
    assert all(row["distance_max"] <= row["level"] * 1.001 for row in rows)
    assert main(["evaluate", "runs/vae-load", "--images", "20", "--json"]) == 0
    measures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert measures["unexplained_variance"] < 0.2
    assert measures["left_out"]["elbo"] == ["likelihood"]
    assert main(["report", "runs/vae-load", "--out", "page.html"]) == 0
    assert main(["compare", "runs/vae-load", "--out", "compare.html"]) == 0
