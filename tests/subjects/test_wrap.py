"""The adapter that `wrap` chooses, against the module's own maps."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from seatbelt_vae import AttackConfig, attack, open_subject, wrap
from seatbelt_vae.cli import main
from seatbelt_vae.errors import ConfigError, ModelError
from seatbelt_vae.protocol import modules_of
from seatbelt_vae.subjects.adapters.template import template
from seatbelt_vae.testing import check_autoencoder

SHAPE = (1, 4, 4)


class Net(nn.Module):
    """A network on flattened images whose ``encode`` returns two heads, changed by ``returned``."""

    def __init__(self, returned=lambda mean, spread: (mean, spread), flat=True):
        super().__init__()
        self.heads, self.back = nn.Linear(16, 6), nn.Linear(3, 16)
        self.returned, self.flat = returned, flat

    def encode(self, x):
        if not self.flat:
            x = x.reshape(-1, 1, 4, 4).flatten(1)
        return self.returned(*self.heads(x).chunk(2, dim=1))

    def decode(self, z):
        return self.back(z).sigmoid()


def images(count=3):
    return torch.rand(count, *SHAPE, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("code", "log_variance"),
    [
        (None, lambda s: s),
        ("log-variance", lambda s: s),
        ("log-std", lambda s: 2 * s),
        ("std", lambda s: (s**2).log()),
        ("variance", torch.log),
    ],
)
def test_the_meaning_of_the_spread(code, log_variance):
    module = Net(lambda mean, spread: (mean, spread.exp()))
    model = wrap(module, SHAPE, code=code)
    mean, spread = module.encode(images().flatten(1))
    (layer,) = model.encode(images()).layers
    torch.testing.assert_close(layer.mean, mean)
    torch.testing.assert_close(layer.log_variance, log_variance(spread))
    assert model.assumptions["code"] == f"{code or 'log-variance'}, 3"
    check_autoencoder(model)


def test_the_type_or_the_name_tells_the_meaning_unless_it_is_given():
    named = Net(lambda mean, spread: {"mu": mean, "log_std": spread})
    normal = Net(lambda mean, spread: torch.distributions.Normal(mean, spread.exp()))
    for module in (named, normal):
        spread = module.heads(images().flatten(1)).chunk(2, dim=1)[1]
        (layer,) = wrap(module, SHAPE).encode(images()).layers
        torch.testing.assert_close(layer.log_variance, 2 * spread)
    spread = named.heads(images().flatten(1)).chunk(2, dim=1)[1]
    (layer,) = wrap(named, SHAPE, code="log-variance").encode(images()).layers
    torch.testing.assert_close(layer.log_variance, spread)


def test_a_spread_can_be_ignored():
    model = wrap(Net(), SHAPE, code="none")
    assert not model.capabilities.posterior
    assert model.encode(images()).layers == ()
    assert model.assumptions["code"] == "deterministic, 3"


@pytest.mark.parametrize("flat", [True, False])
def test_inputs_are_flattened_where_the_module_asks_for_it(flat):
    model = wrap(Net(flat=flat), SHAPE)
    assert model.flat == flat
    assert model.decode(model.encode(images()).z).mean.shape == (3, *SHAPE)


def test_a_module_without_codes_reconstructs():
    net = Net()
    plain = nn.Sequential(nn.Linear(16, 3), nn.Tanh(), nn.Linear(3, 16))
    for module in (plain, lambda x: (plain(x), net.heads(x)), lambda x: {"recon": plain(x)}):
        model = wrap(module, SHAPE)
        check_autoencoder(model)
        reconstruction = model.decode(model.encode(images()).z).mean
        torch.testing.assert_close(reconstruction, plain(images().flatten(1)).view(3, *SHAPE))
        assert model.assumptions["code"] == "none"


def test_losses_of_codes_are_refused_without_codes():
    model = wrap(nn.Sequential(nn.Linear(16, 3), nn.Linear(3, 16)), SHAPE)
    x, target = images(2).chunk(2)
    for loss in ("latent-l2", "latent-kl"):
        with pytest.raises(ConfigError, match="lacks: use output-l2 or damage-reconstruction"):
            attack(model, x, target, AttackConfig(loss, threat="l2"))
    found = attack(model, x, target, AttackConfig("output-l2", threat="l2", recheck=0))
    fooled = model.decode(model.encode(found.adversarial[0]).z).mean
    expected = (fooled - target).flatten(1).norm(dim=1).double()
    torch.testing.assert_close(found.divergence[0], expected, rtol=1e-5, atol=1e-6)
    assert (found.divergence[0, -1] < found.problem.divergence_start[0]).all()


def test_wrappers_of_torch_are_looked_through():
    module = Net().train()
    model = wrap(nn.DataParallel(module), SHAPE)
    assert model.module is module
    assert not module.training


def test_modules_are_found_in_closures_and_put_to_the_check():
    inner = nn.Sequential(nn.Linear(16, 3), nn.Dropout(), nn.Linear(3, 16))
    model = wrap(lambda x: inner(x), SHAPE)
    assert modules_of(model) == [inner]
    with pytest.raises(ModelError, match=r"put the model into evaluation mode"):
        check_autoencoder(model)


class NoDecode(nn.Module):
    def encode(self, x):
        return x


FAILURES = {
    "three heads": (
        Net(lambda mean, spread: (mean, spread, mean + 1)),
        r"encode of Net returned \(a tensor \(2, 3\), .*expected a code, a mean and a log-variance",
    ),
    "no tensor": (Net(lambda mean, _: str(mean.shape)), "encode of Net returned a str of builtins"),
    "another size": (nn.Linear(7, 7), "Linear fails on inputs of shape .* and flattened"),
    "no image": (nn.Linear(16, 5), r"returned a tensor \(2, 5\) for inputs \(2, 1, 4, 4\)"),
    "no forward": (NoDecode(), "NoDecode fails on inputs of shape"),
}


@pytest.mark.parametrize(("module", "message"), FAILURES.values(), ids=FAILURES)
def test_an_error_has_the_adapter_to_write(module, message):
    with pytest.raises(ModelError, match=message) as caught:
        wrap(module, SHAPE)
    (text,) = caught.value.__notes__
    assert text == template(SHAPE, (0.0, 1.0))


OWN = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.heads = nn.ModuleList([nn.Linear(64, 5), nn.Linear(64, 5)])
        self.back = nn.Linear(5, 64)
    def forward(self, images):
        return {"codes of mine": self.heads[0](images.flatten(1))}

def load():
    return Net()

def broken():
    raise KeyError("weights")
"""


def test_a_function_that_fails_is_one_line(tmp_path):
    (tmp_path / "mine.py").write_text(OWN)
    with pytest.raises(ConfigError, match=r"calling .*mine.py:broken failed: KeyError: 'weights'"):
        open_subject(f"{tmp_path}/mine.py:broken")


def test_the_printed_adapter_works_once_it_is_completed(tmp_path, capsys, monkeypatch):
    """The text after the error on the command line, with the marked lines filled in."""
    monkeypatch.chdir(tmp_path)
    np.save("images.npy", np.random.default_rng(0).integers(0, 256, (60, 8, 8), "u1"))
    Path("net.py").write_text(OWN)
    flags = ["--data", "array:images.npy", "--quiet", "--processes", "1", "--pairs", "1"]
    assert main(["attack", "net.py:load", *flags]) == 2
    said = capsys.readouterr().err
    assert "Net has no encode(x) and decode(z), and returned a dict of codes of mine" in said
    text = said.split("FILE.py:load:\n", 1)[1]
    text = text.replace("UNITS = 10", "UNITS = 5")
    text = text.replace("module = ...", "module = Net()")
    text = text.replace("self.module.encode(x)", "[net(x.flatten(1)) for net in self.module.heads]")
    text = text.replace("self.module.decode(codes)", "self.module.back(codes).sigmoid()")
    Path("mine.py").write_text(OWN + text)
    quick = ["--weight-count", "2", "--restarts", "0"]
    assert main(["attack", "mine.py:load", *flags, *quick]) == 0


def test_an_object_that_is_no_model_gets_the_adapter_too(tmp_path):
    (tmp_path / "mine.py").write_text("load = 3\n")
    with pytest.raises(ConfigError, match="gave a int, expected a torch") as caught:
        open_subject(f"{tmp_path}/mine.py:load")
    assert "class Adapter:" in caught.value.__notes__[0]


def test_weights_without_their_network_are_explained(tmp_path):
    torch.save(Net().state_dict(), tmp_path / "weights.pt")
    (tmp_path / "mine.py").write_text(
        f"import torch\ndef load():\n    return torch.load({str(tmp_path / 'weights.pt')!r})\n"
    )
    with pytest.raises(
        ConfigError, match=r"gave a state_dict, the \d+ weights of a module"
    ) as found:
        open_subject(f"{tmp_path}/mine.py:load")
    assert "call its load_state_dict with them, and return the module" in str(found.value)


def test_a_decoder_of_another_size_is_named():
    module = Net()
    module.back = nn.Linear(3, 9)
    with pytest.raises(ModelError, match=r"decode of Net returned a tensor \(2, 9\) for codes"):
        wrap(module, SHAPE)


def test_a_decoder_that_fails_is_named():
    module = Net()
    module.back = nn.Linear(5, 16)
    with pytest.raises(ModelError, match=r"decode of Net fails on codes \(2, 3\) \(mat1 and"):
        wrap(module, SHAPE)
