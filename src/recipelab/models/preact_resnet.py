"""PreActResNet-18, 34, 50, 101, 152: batch norm and ReLU before every convolution.

He, Zhang, Ren, Sun 2016, "Identity Mappings in Deep Residual Networks", arXiv 1603.05027: where the shape changes, the
shortcut is a 1x1 convolution of the activated input; batch norm and ReLU end the encoder. In the bottleneck the 3x3
convolution has the stride, as in torchvision's ResNet. Small images: a 3x3 convolution alone as the stem.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from recipelab.models.layers import (
    Conv,
    Count,
    Dimensions,
    Rate,
    SmallInput,
    Stem,
    batch_norm,
    check_dimensions,
    conv,
    dropout_layer,
    global_mean,
    is_small,
    kaiming,
)
from recipelab.models.named import named
from recipelab.models.resnet import Bottlenecks, stages_of
from recipelab.models.stage import Stage
from recipelab.models.techniques import Depthwise, Excitation, Techniques


class PreActBlock(nn.Module):
    """Batch norm, ReLU, convolution, twice, or three times in a bottleneck: (B, C, *S) -> (B, outputs, *S / stride)."""

    def __init__(
        self, dim: int, inputs: int, outputs: int, stride: int, bottleneck: bool, branch: tuple[nn.Module, nn.Module]
    ) -> None:
        super().__init__()
        inner = outputs // 4 if bottleneck else outputs
        shapes = [(inputs, inner, 1, 1), (inner, inner, 3, stride), (inner, outputs, 1, 1)]
        if not bottleneck:
            shapes = [(inputs, inner, 3, stride), (inner, outputs, 3, 1)]
        self.norms = nn.ModuleList(batch_norm(dim, shape[0]) for shape in shapes)
        self.convs = nn.ModuleList(conv(dim, *shape) for shape in shapes)
        changed = stride > 1 or inputs != outputs
        self.shortcut = conv(dim, inputs, outputs, 1, stride) if changed else None
        self.se, self.drop = branch

    def forward(self, x: Tensor) -> Tensor:
        activated = F.relu(self.norms[0](x), inplace=True)
        out: Tensor = self.convs[0](activated)
        for norm, convolution in zip(self.norms[1:], self.convs[1:], strict=True):
            out = convolution(F.relu(norm(out), inplace=True))
        out = self.drop(self.se(out))
        out += x if self.shortcut is None else self.shortcut(activated)
        return out

    @property
    def last(self) -> Conv:
        """The convolution that ends the branch."""
        last: Conv = self.convs[-1]  # type: ignore[assignment]
        return last


class PreActResNet(nn.Module):
    """Input (B, input_channels, *image_size) float, output (B, num_classes).

    zero_init_residual: start each block's last convolution at 0: no batch norm follows it whose scale could be.
    The other options as in `resnet.ResNet`.

    Raises UserError for a depth that there is no network of, and when input_dim contradicts image_size.
    """

    def __init__(  # noqa: PLR0913 (the signature is the schema)
        self,
        *,
        depth: Count = 18,
        num_classes: int,
        image_size: tuple[int, ...],
        input_channels: int = 3,
        input_dim: Dimensions = 2,
        small_input: SmallInput = "auto",
        width: Count = 64,
        bottleneck: Bottlenecks = "auto",
        stochastic_depth: Rate = 0.0,
        stochastic_depth_mode: Depthwise = "linear",
        shakedrop: bool = False,
        squeeze_excitation: Excitation = False,
        dropout: Rate = 0.0,
        zero_init_residual: bool = False,
        activation_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        check_dimensions(input_dim, image_size)
        narrow, layers = stages_of(depth, bottleneck)
        techniques = Techniques(sum(layers), stochastic_depth, stochastic_depth_mode, shakedrop, squeeze_excitation)
        small = is_small(small_input, image_size)
        self.stem = Stem(input_dim, input_channels, width, small=small, after="nothing" if small else "relu")
        inputs, index, stages = width, 0, []
        for number, count in enumerate(layers):
            outputs, blocks = width * 2**number * (4 if narrow else 1), []
            for first in (True, *[False] * (count - 1)):
                stride = 2 if first and number else 1
                branch = techniques.excitation(outputs), techniques.drop(index)
                blocks.append(PreActBlock(input_dim, inputs, outputs, stride, narrow, branch))
                inputs, index = outputs, index + 1
            stages.append(Stage(*blocks, recompute=activation_checkpointing))
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.norm = batch_norm(input_dim, inputs)
        self.se = techniques.last(inputs)
        self.dropout = dropout_layer(dropout)
        self.fc = nn.Linear(inputs, num_classes)
        kaiming(self)
        if zero_init_residual:
            for module in self.modules():
                if isinstance(module, PreActBlock):
                    nn.init.zeros_(module.last.weight)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.stem(x)))))
        x = self.se(F.relu(self.norm(x), inplace=True))
        logits: Tensor = self.fc(self.dropout(global_mean(x)))
        return logits


preact_resnet18 = named("preact_resnet18", PreActResNet, depth=18)
preact_resnet34 = named("preact_resnet34", PreActResNet, depth=34)
preact_resnet50 = named("preact_resnet50", PreActResNet, depth=50)
preact_resnet101 = named("preact_resnet101", PreActResNet, depth=101)
preact_resnet152 = named("preact_resnet152", PreActResNet, depth=152)
