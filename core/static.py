"""Static files with hashed names; a missing file in a template is an error in production, not a silent 404."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class ManifestStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # WhiteNoise is untyped
    """WhiteNoise's manifest storage; without a manifest (tests, before collectstatic) plain names are used."""

    manifest_strict = False
