"""Named members of a family: `resnet34` is ResNet with depth 34, and takes every option that ResNet takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

from torch import nn


def named(name: str, family: Callable[..., nn.Module], **defaults: object) -> Callable[..., nn.Module]:
    """A function `name` that builds `family` with other defaults; its signature, and so its schema, is the family's.

    Raises TypeError when the family takes no such keyword.
    """
    signature = inspect.signature(family)
    if unknown := defaults.keys() - signature.parameters.keys():
        raise TypeError(f"{family.__name__} takes no {', '.join(sorted(unknown))}")

    def build(**options: Any) -> nn.Module:
        return family(**{**defaults, **options})

    hints = get_type_hints(family.__init__ if inspect.isclass(family) else family, include_extras=True)
    parameters = [
        p.replace(default=defaults.get(p.name, p.default), annotation=hints.get(p.name, p.annotation))
        for p in signature.parameters.values()
    ]
    build.__name__ = build.__qualname__ = name
    build.__module__ = family.__module__
    build.__doc__ = (
        f"{family.__name__} with {', '.join(f'{k}={v}' for k, v in defaults.items())}. See {family.__name__}."
    )
    build.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": nn.Module}
    build.__signature__ = inspect.Signature(parameters, return_annotation=nn.Module)  # type: ignore[attr-defined]
    build.published = getattr(family, "published", None)  # type: ignore[attr-defined]
    return build
