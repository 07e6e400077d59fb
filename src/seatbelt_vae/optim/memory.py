r"""The limited memory of a quasi-Newton method, for a batch of rows.

The compact form of Byrd, Nocedal and Schnabel (1994),

.. math:: H = \gamma I + [S\;\gamma Y]
          \begin{bmatrix} R^{-T}(D + \gamma Y^TY)R^{-1} & -R^{-T} \\ -R^{-1} & 0 \end{bmatrix}
          \begin{bmatrix} S^T \\ \gamma Y^T \end{bmatrix},

with :math:`R` the upper triangle of :math:`S^TY` in order of age and :math:`D` its diagonal. The
memory of a row is large (2mn numbers), and moving it is the whole cost. So the Gram matrix is
stored, and an iteration reads the pairs twice: for all inner products, and for the result.
"""

import torch
from torch import Tensor
from torch.nn.functional import pad

__all__ = ["LBFGSMemory"]

_CURVATURE = 1e-8
_ALIGNED = 16  # numbers that fill whole registers


class LBFGSMemory:
    """The last m pairs (s, y) of every row: steps taken, and changes of the gradient.

    Args:
        rows: number of rows R.
        size: length n of a row.
        memory: pairs m kept.
        like: a tensor whose dtype and device the memory takes.
    """

    def __init__(self, rows: int, size: int, memory: int, like: Tensor) -> None:
        self.memory = memory
        # zeros at the end align all vectors alike, so that the sums of a row do not depend, bit for
        # bit, on the other rows
        self.padding = -size % _ALIGNED
        # the steps s in the first m places, the changes y in the last m
        self.pairs = like.new_zeros(rows, 2 * memory, size + self.padding)
        self.gram = like.new_zeros(rows, 2 * memory, 2 * memory)
        # when a slot was filled; 0 is empty, the smallest is the next to be replaced
        self.stamp = torch.zeros(rows, memory, dtype=torch.long, device=like.device)
        self.clock = 0

    @property
    def filled(self) -> Tensor:
        """Rows with at least one stored pair, boolean."""
        return (self.stamp > 0).any(1)

    def learn(self, vectors: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        r"""Store pairs of clearly positive curvature, and compute :math:`Hv`.

        Args:
            vectors: s, y and v in one tensor, so that one product with the pairs serves all three,
                :math:`(R, 3, n)`.
            rows: rows with a new pair, boolean.

        Returns:
            The rows that stored their pair, and :math:`Hv` with it; v itself in rows without
            stored pairs.
        """
        self.clock += 1
        size = vectors.shape[2]
        vectors = pad(vectors, (0, self.padding)) if self.padding else vectors
        own = vectors[:, :2]
        # few vectors from the left: twice as fast as few columns from the right
        products, own_products = (torch.bmm(vectors, part.mT) for part in (self.pairs, own))
        curvature = own_products[:, 0, 1]
        sizes = own_products[:, 0, 0].sqrt() * own_products[:, 1, 1].sqrt()
        kept = rows & (curvature > _CURVATURE * sizes) & curvature.isfinite()
        index = kept.nonzero()[:, 0]
        slot = self.stamp[index].argmin(dim=1)
        self.stamp[index, slot] = self.clock
        for i, place in enumerate((slot, slot + self.memory)):
            self.pairs[index, place] = own[index, i]
            products[index, :, place] = own_products[index, :, i]
        for i, place in enumerate((slot, slot + self.memory)):
            self.gram[index, place] = products[index, i]
            self.gram[index, :, place] = products[index, i]
        coefficients, gamma = self._coefficients(products[:, 2])
        result = torch.bmm(coefficients[:, None], self.pairs)[:, 0]
        return kept, result.addcmul_(gamma[:, None], vectors[:, 2])[:, :size]

    def forget(self, rows: Tensor) -> None:
        """Empty the memory of rows, by index or boolean."""
        self.stamp[rows] = 0

    def keep(self, rows: Tensor) -> None:
        """Drop all rows but those of an index."""
        self.pairs, self.gram, self.stamp = self.pairs[rows], self.gram[rows], self.stamp[rows]

    def _coefficients(self, products: Tensor) -> tuple[Tensor, Tensor]:
        r"""The coefficient of each stored vector in :math:`Hv`, and :math:`\gamma`.

        Args:
            products: inner products of the pairs with v, :math:`(R, 2m)`.
        """
        m, order = self.memory, self.stamp.argsort(dim=1)
        used = self.stamp.gather(1, order) > 0
        both = torch.cat([order, order + m], dim=1)
        gram = self.gram.gather(1, both[:, :, None].expand_as(self.gram))
        gram = gram.gather(2, both[:, None, :].expand_as(gram))
        sy = gram[:, :m, m:] * (used[:, :, None] & used[:, None, :])
        yy = gram[:, m:, m:]
        sv, yv = (products.gather(1, both) * used.repeat(1, 2)).chunk(2, dim=1)
        diagonal = torch.where(used, sy.diagonal(dim1=1, dim2=2), 1)
        gamma = diagonal[:, -1] / torch.where(used[:, -1], yy[:, -1, -1], 1)
        r = sy.triu(1) + torch.diag_embed(diagonal)
        a = torch.linalg.solve_triangular(r, sv[..., None], upper=True)
        middle = diagonal[..., None] * a + gamma[:, None, None] * (yy @ a - yv[..., None])
        w = torch.linalg.solve_triangular(r.mT, middle, upper=False)[..., 0]
        by_age = torch.cat([w * used, -gamma[:, None] * a[..., 0] * used], dim=1)
        return torch.zeros_like(by_age).scatter_(1, both, by_age), gamma
