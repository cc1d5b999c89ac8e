"""KerasTuner's ready hypermodels, where a program for it looks for them."""

from __future__ import annotations

from keras_tuner.applications import (
    HyperEfficientNet,
    HyperImageAugment,
    HyperResNet,
    HyperXception,
)

__all__ = ["HyperEfficientNet", "HyperImageAugment", "HyperResNet", "HyperXception"]
