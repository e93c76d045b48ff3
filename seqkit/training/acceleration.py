"""Accelerate's view of the device and the precision asked for."""

from __future__ import annotations

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from seqkit.devices import check_device_each, device_exists
from seqkit.errors import ConfigError
from seqkit.settings import TrainingConfig


def build_accelerator(config: TrainingConfig) -> Accelerator:
    """Accelerate's view of the device asked for.

    Raises:
        ConfigError: if it is not there, or cannot do the precision asked for.
    """
    if not device_exists(config.device):
        raise ConfigError(
            f"`training.device` is {config.device}, but torch finds none here; use auto or cpu."
        )
    on_cpu = config.device == "cpu" or not (device_exists("cuda") or device_exists("mps"))
    if config.precision == "fp16" and (on_cpu or not device_exists("cuda")):
        raise ConfigError("`training.precision` fp16 needs a CUDA device; bf16 works on a CPU too.")
    if not on_cpu:
        check_device_each("cuda" if device_exists("cuda") else "mps")
    # Accelerate holds a program to its first device and precision; the next training may want others.
    several = torch.distributed.is_available() and torch.distributed.is_initialized()
    AcceleratorState._reset_state(reset_partial_state=not several)
    return Accelerator(cpu=on_cpu, mixed_precision=config.precision)
