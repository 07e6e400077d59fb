"""The discriminator in training: its inputs, and which optimiser updates which weights."""

import torch

from seatbelt_vae.config import PRESETS
from seatbelt_vae.objectives import PenaltySetup, WeighedPenalty
from seatbelt_vae.objectives.density_ratio import DensityRatio, shuffled
from seatbelt_vae.objectives.penalties.discriminator_tc import DiscriminatorTC
from seatbelt_vae.randomness import Stream, generator_for
from seatbelt_vae.runs import RunFolder, read_rows, read_tensors
from seatbelt_vae.training import train
from seatbelt_vae.training.penalty_parts import PenaltyParts
from tests.training.small import config, points, stopped_after, trained


def discriminator():
    """The penalty on a code of three units, and the updates of its discriminator."""
    (penalty,) = PRESETS["factor-vae"].penalties
    loss = DiscriminatorTC(PenaltySetup((3,)))
    return loss, PenaltyParts([WeighedPenalty(penalty, 5.0, loss=loss)])


def test_the_first_half_is_shown_as_it_is_and_the_second_shuffled(monkeypatch):
    shown = []
    loss = DensityRatio.loss
    monkeypatch.setattr(
        DensityRatio, "loss", lambda *given: shown.append(given[1:]) or loss(*given)
    )
    codes = torch.arange(27.0).view(9, 3)
    _, parts = discriminator()
    parts.step(codes, 1)
    parts.step(codes, 2)
    (joint, product), (_, other) = shown
    assert torch.equal(joint, codes[:4])
    assert torch.equal(product.sort(0).values, codes[4:8])
    assert not torch.equal(product, other)
    assert len({tuple((column // 3).tolist()) for column in product.T}) > 1


def test_it_learns_by_adam_from_each_steps_own_gradient():
    (loss, parts), (plain, optimizer) = discriminator(), fresh()
    for step in range(1, 4):
        codes = torch.randn(8, 3, generator=torch.Generator().manual_seed(step))
        parts.step(codes, step)
        optimizer.zero_grad()
        moved = shuffled(codes[4:], generator_for(Stream.CODE_SHUFFLE, 0, step))
        plain.loss(codes[:4], moved).backward()
        optimizer.step()
    for name, weight in plain.state_dict().items():
        # the fused optimiser rounds otherwise; a step is 1e-4
        torch.testing.assert_close(loss.ratio.state_dict()[name], weight, rtol=0, atol=3e-6)


def fresh():
    """The discriminator of seed 0 before its first step, and the published optimiser."""
    ratio = DensityRatio(3)
    ratio.load_state_dict(discriminator()[0].ratio.state_dict())
    return ratio, torch.optim.Adam(ratio.parameters(), lr=1e-4, betas=(0.5, 0.9), foreach=False)


def test_every_step_of_training_shuffles_anew(tmp_path, monkeypatch):
    seen, loss = [], DiscriminatorTC.part_loss
    monkeypatch.setattr(
        DiscriminatorTC, "part_loss", lambda self, codes, n: seen.append(n) or loss(self, codes, n)
    )
    train(RunFolder.create(tmp_path / "run", config("factor-vae", steps=3)), points())
    assert seen == [1, 2, 3]


def test_only_its_own_loss_moves_the_discriminator(tmp_path):
    run = trained(tmp_path / "run", config("factor-vae", steps=2), stop=stopped_after(1))
    stored = read_tensors(run.path / "checkpoints" / "step-000000001" / "state.safetensors")
    loss, _ = discriminator()
    before = {k: v.clone() for k, v in loss.ratio.state_dict().items()}
    for name, weight in before.items():
        change = (stored[f"discriminator.{name}"] - weight).abs().max().item()
        assert 0 < change < 2.1e-4  # one step of Adam at 1e-4; a second one would go further
    assert not any(parameter.requires_grad for parameter in loss.ratio.parameters())


def test_what_it_pays_is_among_the_metrics(tmp_path):
    run = trained(tmp_path / "run", config("factor-vae", steps=3))
    paid = [
        r["discriminator_loss"] for r in read_rows(run.path / "metrics") if r["split"] == "train"
    ]
    assert len(paid) == 3
    assert all(0.5 < value < 0.9 for value in paid)
