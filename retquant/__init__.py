"""retquant: population biomarker quantification for the retina."""

__version__ = "0.1.0"
