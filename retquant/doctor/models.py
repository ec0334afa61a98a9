"""Whether the models that ship are whole, and those of the settings are there."""

from __future__ import annotations

from collections.abc import Iterator

from retquant.config import RunConfig
from retquant.doctor.finding import Finding, fault, fine
from retquant.errors import RetquantError
from retquant.segmentation.bundles import list_bundles, read_bundle, read_weights
from retquant.segmentation.checkpoints import verify_checkpoint
from retquant.segmentation.foundation import FOUNDATIONS

INSTALL_AGAIN = "pip install --force-reinstall --no-deps retquant"


def check_models(config: RunConfig) -> Iterator[Finding]:
    """Every bundle's weights against its card, the foundation that it stands on, and the settings' own models."""
    named = [config.segmentation.model, config.segmentation.octa_model]
    shipped = [bundle.name for bundle in list_bundles()]
    whole = []
    for name in [*shipped, *(other for other in named if other is not None and other not in shipped)]:
        try:
            bundle = read_bundle(name)
            read_weights(bundle)
            if bundle.foundation in FOUNDATIONS:
                verify_checkpoint(FOUNDATIONS[bundle.foundation])
        except RetquantError as error:
            yield fault("models", str(error).partition("\n")[0], error.remedy or INSTALL_AGAIN)
        else:
            whole.append(name)
    if whole:
        yield fine("models", f"as their cards say: {', '.join(whole)}")
