"""Memory of gradient evaluations against sizes counted by hand."""

import pytest
import torch
from torch import nn

from seatbelt_vae.attacks.gradients import kept_for_backward, rows_within_memory
from seatbelt_vae.attacks.losses import OutputDistance
from seatbelt_vae.attacks.problem import Problem
from seatbelt_vae.subjects import wrap


class Wide(nn.Module):
    """A map whose hidden layer has many values."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(4, hidden), nn.Linear(hidden, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The squared hidden layer, mapped back."""
        found: torch.Tensor = self.down(self.up(x).square()).sigmoid()
        return found


def test_hidden_values_are_counted_once_and_weights_are_not() -> None:
    module = Wide(1000).requires_grad_(False)
    x = torch.rand(3, 4, requires_grad=True)
    with kept_for_backward(wrap(module.eval(), (4,))) as kept:
        module(x)
    # the hidden layer, which the square keeps, and the output, which the sigmoid keeps
    assert sum(kept.values()) == 4 * 3 * (1000 + 4)


@pytest.mark.parametrize(("kept", "rows"), [(2**20, 512), (2**27, 4), (2**40, 1), (0, 2**29)])
def test_rows_together_keep_half_a_gibibyte(kept: int, rows: int) -> None:
    assert rows_within_memory({0: kept}, torch.device("cpu")) == rows


def test_a_problem_evaluates_as_many_rows_as_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    model = wrap(Wide(1000).requires_grad_(False).eval(), (4,))
    x, target = torch.rand(2, 1, 4).unbind()

    def micro_batch(limit: int) -> int:
        monkeypatch.setattr("seatbelt_vae.attacks.gradients._BYTES", limit)
        return Problem.of(model, OutputDistance(), x, target, [torch.Generator()]).micro_batch

    assert micro_batch(2**29) < 2**29 // (4 * 1000)
    assert micro_batch(3 * 4300) == 3  # a row keeps 1000 hidden values and a few others
    assert micro_batch(1) == 1
