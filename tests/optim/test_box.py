"""Which directions a box blocks."""

import torch

from seatbelt_vae.optim.box import free_coordinates, project_direction


def test_only_the_way_out_of_the_box_is_blocked() -> None:
    x = torch.tensor([-1.0, -1.0, -1.0, 0.0, 1.0, 1.0, 1.0])
    gradient = torch.tensor([1.0, -1.0, 0.0, 5.0, 1.0, -1.0, 0.0])
    free = free_coordinates(x, gradient, -1.0, 1.0)
    assert free.tolist() == [0, 1, 1, 1, 1, 0, 1]
    projected = project_direction(-gradient, x, -1.0, 1.0)
    assert projected.tolist() == [0, 1, 0, -5, -1, 0, 0]


def test_bounds_may_differ_from_row_to_row_and_coincide() -> None:
    x = torch.zeros(2, 2)
    lower = torch.tensor([[0.0, -1.0], [0.0, 0.0]])
    upper = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    assert project_direction(torch.ones(2, 2), x, lower, upper).tolist() == [[1, 0], [0, 0]]
    assert project_direction(-torch.ones(2, 2), x, lower, upper).tolist() == [[0, -1], [0, 0]]


def test_neither_large_numbers_nor_tiny_gradients_hide_a_way() -> None:
    x = torch.tensor([3e9, 3e9, 0.0, 0.0, 0.0])
    gradient = torch.tensor([1e-40, -1e-40, 1.0, -1.0, -1e30])
    lower = torch.tensor([-torch.inf, 0.0, -torch.inf, 0.0, 0.0])
    upper = torch.tensor([4e9, 3e9, 0.0, torch.inf, 0.0])
    assert free_coordinates(x, gradient, lower, upper).tolist() == [1, 0, 1, 1, 0]
