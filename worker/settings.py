"""The settings of the worker, which extend the shared settings."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from shared.settings import SharedSettings


class WorkerSettings(SharedSettings):
    """The model, its engine and limits; every field is an environment variable."""

    model: Literal["resnet50", "efficientnet_lite0", "auto"] = "resnet50"
    # IMAGENET1K_V2, IMAGENET1K_V1, or the path of a .pth or .safetensors file
    model_weights: str | None = None
    model_recipe: Literal["IMAGENET1K_V1", "IMAGENET1K_V2"] | None = None
    model_labels: Path | None = None
    # whether confidences are scaled by the temperature of `python -m worker.calibrate`
    calibrated: bool = False
    model_cache: Path = Path("~/.cache/image-classifier")
    device: str = Field(default="auto", pattern=r"^(auto|cpu|cuda|cuda:\d+)$")
    runtime: Literal["auto", "torch", "openvino"] = "auto"
    precision: Literal["auto", "fp32", "bf16", "fp16", "int8"] = "auto"
    # if unset, the engine's default: Runtime.best_batch
    max_batch_size: int | None = Field(default=None, ge=1, le=256)
    worker_threads: int = Field(default=12, ge=1, le=256)
    item_timeout_s: float = Field(default=30.0, gt=0)
    max_pixels: int = Field(default=50_000_000, ge=1)
