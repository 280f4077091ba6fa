"""AlexNet in its three published forms, up to the last hidden layer, which is the descriptor.

Krizhevsky, Sutskever and Hinton, *ImageNet Classification with Deep Convolutional Neural Networks* (NIPS 2012), in the two
forms that Caffe gave it (Jia et al., ACM Multimedia 2014). DeCAF7 is the output of its layer fc7 after the rectifier
(Donahue et al., *DeCAF: A Deep Convolutional Activation Feature for Generic Visual Recognition*, ICML 2014). torchvision's
AlexNet is another, narrower network: Krizhevsky, *One weird trick for parallelizing convolutional neural networks* (2014).

Each network is a ``stem``, whose output at a place depends on nothing but the pixels of that place (it pads nothing), and
what comes behind it. So the stem of patches that overlap can be computed once for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

DIM = 4096
SIDE = 256
"""Images are normalised to so many pixels on both sides."""


class AcrossChannels(nn.Module):
    """Local response normalisation over neighbouring channels: ``x / (1 + α/n Σ x²)^β``, with n 5, α 1e-4, β 0.75.

    As Caffe computes it; `torch.nn.LocalResponseNorm` gives the same, and takes two to three times as long. The sum over the
    neighbours is a convolution with ones; the values are scaled before they are squared, so that float16 can hold them.
    """

    NEIGHBOURS = 5
    ALPHA = 1e-4
    band: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        places = torch.arange(channels, device="cpu")
        near = (places[:, None] - places).abs() <= self.NEIGHBOURS // 2
        self.register_buffer("band", near[:, :, None, None].float(), persistent=False)
        self._scale = (self.ALPHA / self.NEIGHBOURS) ** 0.5

    def forward(self, x: Tensor) -> Tensor:
        """``(n, channels, height, width)`` → the same."""
        root = (1 + functional.conv2d((x * self._scale).square(), self.band)).rsqrt()
        normalised: Tensor = x * root * root.sqrt()  # to the power of -1/2, and of -1/4
        return normalised


class CaffeAlexNet(nn.Module):
    """Caffe's AlexNet: patches ``(n, 3, side, side)``, side 224 or 227, BGR less the mean → fc7 ``(n, 4096)``.

    Args:
        pools_first: whether pooling stands before normalisation (caffenet), or behind it (alexnet).
    """

    stem_kernel = 11
    stem_stride = 4

    def __init__(self, *, pools_first: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 96, self.stem_kernel, stride=self.stem_stride)
        self.conv2 = nn.Conv2d(96, 256, 5, padding=2, groups=2)
        self.conv3 = nn.Conv2d(256, 384, 3, padding=1)
        self.conv4 = nn.Conv2d(384, 384, 3, padding=1, groups=2)
        self.conv5 = nn.Conv2d(384, 256, 3, padding=1, groups=2)
        self.fc6 = nn.Linear(256 * 6 * 6, DIM)
        self.fc7 = nn.Linear(DIM, DIM)
        self.norm1 = AcrossChannels(96)
        self.norm2 = AcrossChannels(256)
        # Rounding up, a window may reach over the edge: so sides of 224 and of 227 both end at 6 × 6.
        self.pool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.pools_first = pools_first
        self.name = "caffenet" if pools_first else "alexnet"

    def stem(self, x: Tensor) -> Tensor:
        """The layers before the first that looks beyond a place: ``(n, 3, h, w)`` → ``(n, 96, (h - 7) // 4, (w - 7) // 4)``."""
        found: Tensor = self.conv1(x).relu()
        return found if self.pools_first else self.norm1(found)

    def forward(self, x: Tensor) -> Tensor:
        """What the stem gave for patches → fc7 ``(n, 4096)``, not negative."""
        x = self.norm1(self.pool(x)) if self.pools_first else self.pool(x)
        x = self.conv2(x).relu()
        x = self.norm2(self.pool(x)) if self.pools_first else self.pool(self.norm2(x))
        x = self.conv3(x).relu()
        x = self.conv4(x).relu()
        x = self.pool(self.conv5(x).relu())
        x = self.fc6(x.flatten(1)).relu()
        fc7: Tensor = self.fc7(x)
        return fc7.relu()


class TorchvisionAlexNet(nn.Module):
    """torchvision's AlexNet: patches ``(n, 3, side, side)``, RGB, normalised → its second layer of 4096 ``(n, 4096)``.

    Its first layer pads, so its stem is nothing.
    """

    name = "torchvision"
    stem_kernel = 1
    stem_stride = 1

    def __init__(self) -> None:
        super().__init__()
        # The names and the numbers of the layers are those of the published file.
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, stride=4, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
        )
        self.classifier = nn.Sequential(
            nn.Identity(), nn.Linear(256 * 6 * 6, DIM), nn.ReLU(), nn.Identity(), nn.Linear(DIM, DIM), nn.ReLU()
        )

    def stem(self, x: Tensor) -> Tensor:
        """The patches themselves."""
        return x

    def forward(self, x: Tensor) -> Tensor:
        """Patches → descriptors ``(n, 4096)``, not negative."""
        descriptors: Tensor = self.classifier(self.features(x).flatten(1))
        return descriptors


class Patches(nn.Module):
    """A network on patches of whole images: uint8 ``(n, 256, 256, 3)``, RGB → float32 ``(n, 4096)``, the patches' mean.

    Ten patches are the four corners, the centre, and the mirror image of each; one is the centre.

    Args:
        network: what describes a patch.
        mean: subtracted from the pixels: 3 values, or an image ``(3, 256, 256)``; in the order of the network's channels.
        std: what they are divided by: 3 values.
        bgr: whether the network takes blue, green, red.
        side: of a patch, in pixels.
        count: 10 or 1.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        network: CaffeAlexNet | TorchvisionAlexNet,
        mean: Tensor,
        std: Tensor,
        *,
        bgr: bool,
        side: int,
        count: int,
    ) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", mean.reshape(3, *(mean.shape[1:] or (1, 1))), persistent=False)
        self.register_buffer("std", std.reshape(3, 1, 1), persistent=False)
        self.bgr = bgr
        self.side = side
        self.count = count
        self.mirrored = count == 10
        last, middle = SIDE - side, (SIDE - side) // 2
        corners = [(0, 0), (0, last), (last, 0), (last, last)] if count == 10 else []
        self.corners = [*corners, (middle, middle)]
        stride = network.stem_stride
        # A patch of the mirrored image is a mirrored patch where the corners lie in mirror symmetry.
        self.shares_stem = last % 2 == 0 and all(top % stride == left % stride == 0 for top, left in self.corners)

    def forward(self, images: Tensor) -> Tensor:
        """Images → descriptors."""
        x = images.permute(0, 3, 1, 2)
        x = ((x.flip(1) if self.bgr else x) - self.mean) / self.std
        if self.shares_stem:
            x = self.network.stem(self._with_mirrored(x))
            stride = self.network.stem_stride
            size = (self.side - self.network.stem_kernel) // stride + 1
            patches = _cut(x, [(top // stride, left // stride) for top, left in self.corners], size)
        else:
            patches = self.network.stem(self._with_mirrored(_cut(x, self.corners, self.side)))
        described: Tensor = self.network(patches)
        return described.reshape(self.count, -1, DIM).mean(0, dtype=torch.float32)

    def _with_mirrored(self, x: Tensor) -> Tensor:
        return torch.cat([x, x.flip(3)]) if self.mirrored else x


def _cut(x: Tensor, corners: Sequence[tuple[int, int]], size: int) -> Tensor:
    """Squares of ``(n, c, h, w)`` at these corners, one after the other: ``(corners × n, c, size, size)``."""
    return torch.cat([x[:, :, top : top + size, left : left + size] for top, left in corners])
