"""In half precision torch's weights are cast once, with batch norm folded into convolutions."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.support.networks import noise, settings
from worker.inference.architectures import Classifier, build
from worker.inference.runtime import Runtime
from worker.inference.torch_runtime import TorchRuntime
from worker.models.selection import ModelSpec, resolve

# the weights' package warns about its age
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

MODELS = ["resnet50", "efficientnet_lite0"]


@pytest.fixture(params=MODELS)
def classifier(request: pytest.FixtureRequest, spec: ModelSpec, tmp_path: Path) -> Classifier:
    if request.param == "resnet50":
        return build(spec)
    return build(resolve(settings(tmp_path, model=request.param)))


def test_folding_batch_norm_changes_only_last_digits(classifier: Classifier) -> None:
    photos = torch.from_numpy(noise(4))
    with torch.inference_mode():
        before, features = classifier(photos), classifier.features(photos)
        classifier.cast(torch.float32)
        after, folded = classifier(photos), classifier.features(photos)
    assert not [m for m in classifier.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert (after - before).abs().max() < 1e-4
    assert (folded - features).abs().max() < 1e-3 * features.abs().max()


def test_every_weight_is_cast_but_not_the_normalisation(classifier: Classifier) -> None:
    classifier.cast(torch.bfloat16)
    assert {p.dtype for p in classifier.parameters()} == {torch.bfloat16}
    assert {classifier.mean.dtype, classifier.scale.dtype} == {torch.float32}
    assert not list(classifier.network.buffers()), "nothing is left to be cast at each call"


def test_a_cast_model_is_as_exact_as_autocast(
    load: Callable[..., Runtime], spec: ModelSpec, expected: NDArray[np.float32]
) -> None:
    photos, expected = noise(8)[:2], expected[:2]
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        autocast = build(spec)(torch.from_numpy(photos)).numpy()
    runtime = load("torch", "bf16")
    assert isinstance(runtime, TorchRuntime)
    assert {p.dtype for p in runtime._model.parameters()} == {torch.bfloat16}
    answers = runtime.predict(photos)
    assert answers.dtype == np.float32
    assert answers.sum(axis=1) == pytest.approx(np.ones(2), abs=1e-3)
    # The random model magnifies each rounding, so the mean over all classes is compared.
    assert np.abs(answers - expected).mean() < 1.5 * np.abs(autocast - expected).mean()


def test_fp32_keeps_the_weights_as_they_are(spec: ModelSpec) -> None:
    runtime = TorchRuntime(spec, "cpu", "fp32")
    assert {p.dtype for p in runtime._model.parameters()} == {torch.float32}
    assert [m for m in runtime._model.modules() if isinstance(m, torch.nn.BatchNorm2d)]


def test_maps_of_a_cast_model_say_what_it_answered(spec: ModelSpec) -> None:
    photo = noise(8)[5]
    runtime = TorchRuntime(spec, "cpu", "bf16")
    maps = runtime.explain(photo, [0, 5])
    bias = runtime._model.get_parameter("network.fc.bias")[[0, 5]].float().detach().numpy()
    [answer] = runtime.predict(photo[None])
    logits = maps.mean(axis=(1, 2)) + bias
    assert maps.dtype == np.float32
    assert logits[1] - logits[0] == pytest.approx(np.log(answer[5] / answer[0]), abs=0.1)
