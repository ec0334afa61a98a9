"""Of what and where angiograms are measured: their structures, the whole field, and the grid about the fovea."""

from __future__ import annotations

from retquant.biomarkers.definition import Places

OCTA_VESSELS = ("large_vessel", "capillary", "artery", "vein")
OCTA_REGIONS = ("field", "fovea", "parafovea", "perifovea")
SECTORS = ("superior", "nasal", "inferior", "temporal")

IN_FIELD = Places(structures=OCTA_VESSELS, regions=("field",))
EVERYWHERE = Places(structures=OCTA_VESSELS, regions=OCTA_REGIONS, sectors=SECTORS)
