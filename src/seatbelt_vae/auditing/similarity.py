"""Distortions in familiar units: PSNR, SSIM, and code displacements in standard deviations."""

import torch
from torch import Tensor
from torch.nn import functional

from seatbelt_vae.protocol import Autoencoder, Bounds, capabilities_of

__all__ = ["code_displacement", "psnr", "ssim"]

_WINDOW, _SIGMA = 11, 1.5
_K1, _K2 = 0.01, 0.03


def psnr(a: Tensor, b: Tensor, bounds: Bounds) -> Tensor | None:
    r"""Peak signal-to-noise ratio :math:`-10\log_{10}\overline{(a-b)^2/(hi-lo)^2}`, dB.

    One value per input, :math:`(B)`, float64, infinite for equal inputs. Inputs without bounds have
    no peak: the result is None.

    Args:
        a, b: inputs :math:`(B, *\text{event})`.
        bounds: lo and hi, of all values or of each.

    Example:
        >>> psnr(torch.zeros(1, 4), torch.full((1, 4), 0.5), Bounds(0.0, 5.0))
        tensor([20.], dtype=torch.float64)
    """
    if not bounds.finite:
        return None
    a, b = _shares(a, bounds), _shares(b, bounds)
    return -10 * (a - b).square().flatten(1).mean(1).log10()


def ssim(a: Tensor, b: Tensor, bounds: Bounds) -> Tensor | None:
    r"""Mean structural similarity of images, :math:`(B)`, float64; 1 for equal images.

    .. math:: \overline{\frac{(2\mu_a\mu_b + c_1)(2\sigma_{ab} + c_2)}
              {(\mu_a^2 + \mu_b^2 + c_1)(\sigma_a^2 + \sigma_b^2 + c_2)}}

    of shares :math:`(a - lo)/(hi - lo)`, with :math:`c_1 = 0.01^2` and :math:`c_2 = 0.03^2`. Means
    and covariances are weighted by a Gaussian of standard deviation 1.5 in a window of 11×11, or of
    the largest odd size that the image holds. The average is over channels and over the windows
    inside the image.

    Args:
        a, b: images :math:`(B, C, H, W)`; for other inputs, or without bounds, the result is None.
        bounds: lo and hi, of all values or of each.

    Source: Wang et al. (2004).
    """
    if a.ndim != 4 or not bounds.finite:
        return None
    a, b = _shares(a, bounds), _shares(b, bounds)
    mean_a, mean_b = _window_means(a), _window_means(b)
    variance_a = _window_means(a * a) - mean_a**2
    variance_b = _window_means(b * b) - mean_b**2
    covariance = _window_means(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + _K1**2) / (mean_a**2 + mean_b**2 + _K1**2)
    structure = (2 * covariance + _K2**2) / (variance_a + variance_b + _K2**2)
    return (luminance * structure).flatten(1).mean(1)


def code_displacement(model: Autoencoder, x: Tensor, attacked: Tensor) -> Tensor | None:
    r"""Displacement of the code, :math:`\sqrt{\overline{((\mu^* - \mu)/\sigma)^2}}`, :math:`(B)`.

    In posterior standard deviations σ of the clean input: the root mean square over the units of
    all layers, on the mean path. None for a model without a posterior.

    Args:
        model: the autoencoder.
        x, attacked: inputs :math:`(B, *\text{event})`, clean and attacked.
    """
    if not capabilities_of(model).posterior:
        return None
    with torch.no_grad():
        layers = zip(model.encode(x).layers, model.encode(attacked).layers, strict=True)
        moves = [(moved.mean - clean.mean) / clean.std for clean, moved in layers]
    return torch.cat(moves, dim=-1).square().mean(-1).sqrt()


def _shares(x: Tensor, bounds: Bounds) -> Tensor:
    """Inputs as shares of their range, float64."""
    low, high = (torch.as_tensor(bound).to(x).double() for bound in bounds)
    return (x.double() - low) / (high - low)


def _window_means(images: Tensor) -> Tensor:
    """Gaussian means over the windows inside images, one axis after the other."""
    channels = images.shape[1]
    for axis in (2, 3):
        size = min(_WINDOW, (images.shape[axis] - 1) // 2 * 2 + 1)
        offsets = torch.arange(size, dtype=images.dtype, device=images.device) - size // 2
        weights = torch.exp(-0.5 * (offsets / _SIGMA) ** 2)
        shape = (1, 1, -1, 1) if axis == 2 else (1, 1, 1, -1)
        kernel = (weights / weights.sum()).view(shape).repeat(channels, 1, 1, 1)
        images = functional.conv2d(images, kernel, groups=channels)
    return images
