r"""The limited memory of a quasi-Newton method, for a batch of rows.

The compact form of Byrd, Nocedal and Schnabel (1994),

.. math:: H = \gamma I + [S\;\gamma Y]
          \begin{bmatrix} R^{-T}(D + \gamma Y^TY)R^{-1} & -R^{-T} \\ -R^{-1} & 0 \end{bmatrix}
          \begin{bmatrix} S^T \\ \gamma Y^T \end{bmatrix},

with :math:`R` the upper triangle of :math:`S^TY` in order of age and :math:`D` its diagonal. The
Gram matrices are kept, so an iteration passes over S and Y three times and no more: a row's memory
is large (m·n numbers) and moving it is the whole cost.
"""

import torch
from torch import Tensor

__all__ = ["PairMemory"]

_CURVATURE = 1e-8


class PairMemory:
    """The last m pairs (s, y) of every row.

    Args:
        rows: number of rows R.
        size: length n of a row.
        memory: pairs m kept.
        like: a tensor whose dtype and device the memory takes.
    """

    def __init__(self, rows: int, size: int, memory: int, like: Tensor) -> None:
        self.s = like.new_zeros(rows, memory, size)
        self.y = like.new_zeros(rows, memory, size)
        self.sy = like.new_zeros(rows, memory, memory)
        self.yy = like.new_zeros(rows, memory, memory)
        # the iteration a slot was filled in; 0 is empty, the smallest is the next to be replaced
        self.stamp = torch.zeros(rows, memory, dtype=torch.long, device=like.device)
        self.clock = 0

    @property
    def filled(self) -> Tensor:
        """Rows that remember anything, boolean."""
        return (self.stamp > 0).any(1)

    def update(self, step: Tensor, change: Tensor, rows: Tensor) -> Tensor:
        """Remember a pair in those of ``rows`` (boolean) where its curvature is clearly positive.

        Returns:
            The rows that remembered it, boolean.
        """
        self.clock += 1
        curvature = (step * change).sum(1)
        clear: Tensor = curvature > _CURVATURE * step.norm(dim=1) * change.norm(dim=1)
        kept: Tensor = rows & clear & curvature.isfinite()
        index = kept.nonzero()[:, 0]
        slot = self.stamp[index].argmin(dim=1)
        self.s[index, slot] = step[index]
        self.y[index, slot] = change[index]
        self.stamp[index, slot] = self.clock
        self._refresh_gram(step, change, index, slot)
        return kept

    def forget(self, rows: Tensor) -> None:
        """Empty the memory of ``rows`` (boolean)."""
        self.stamp[rows] = 0

    def keep(self, rows: Tensor) -> None:
        """Drop all rows but those of an index."""
        self.s, self.y, self.stamp = self.s[rows], self.y[rows], self.stamp[rows]
        self.sy, self.yy = self.sy[rows], self.yy[rows]

    def apply(self, v: Tensor) -> Tensor:
        r""":math:`Hv` for vectors :math:`(R, n)`; :math:`v` itself where nothing is remembered."""
        order = self.stamp.argsort(dim=1)
        used = self.stamp.gather(1, order) > 0
        sy, yy = (self._ordered(gram, order, used) for gram in (self.sy, self.yy))
        diagonal = torch.where(used, sy.diagonal(dim1=1, dim2=2), 1)
        newest_yy = torch.where(used[:, -1], yy[:, -1, -1], 1)
        gamma = (diagonal[:, -1] / newest_yy)[:, None]
        r = sy.triu(1) + torch.diag_embed(diagonal)
        sv, yv = (self._dots(pairs, v, order, used) for pairs in (self.s, self.y))
        a = torch.linalg.solve_triangular(r, sv[..., None], upper=True)[..., 0]
        middle = diagonal * a + gamma * ((yy @ a[..., None])[..., 0] - yv)
        w = torch.linalg.solve_triangular(r.mT, middle[..., None], upper=False)[..., 0]
        back = order.argsort(dim=1)
        on_s, on_y = (w * used).gather(1, back), (a * used).gather(1, back) * gamma
        result = gamma * v
        result += torch.bmm(on_s[:, None], self.s)[:, 0]
        result -= torch.bmm(on_y[:, None], self.y)[:, 0]
        return result

    def _refresh_gram(self, step: Tensor, change: Tensor, index: Tensor, slot: Tensor) -> None:
        by_step = torch.bmm(self.y, step[..., None])[index, :, 0]
        on_change = torch.bmm(self.s, change[..., None])[index, :, 0]
        between = torch.bmm(self.y, change[..., None])[index, :, 0]
        self.sy[index, slot] = by_step
        self.sy[index, :, slot] = on_change
        self.yy[index, slot] = between
        self.yy[index, :, slot] = between

    @staticmethod
    def _ordered(gram: Tensor, order: Tensor, used: Tensor) -> Tensor:
        """A Gram matrix in order of age, zero where a slot is empty."""
        m = gram.shape[1]
        rows = gram.gather(1, order[:, :, None].expand(-1, -1, m))
        both = rows.gather(2, order[:, None, :].expand(-1, m, -1))
        return both * (used[:, :, None] & used[:, None, :])

    @staticmethod
    def _dots(pairs: Tensor, v: Tensor, order: Tensor, used: Tensor) -> Tensor:
        return torch.bmm(pairs, v[..., None])[..., 0].gather(1, order) * used
