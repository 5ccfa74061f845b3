from __future__ import annotations

from cronnx_preprocess.errors import ConfigError, InvalidImageError, PreprocessError


def test_an_invalid_image_names_its_element_once_that_is_known() -> None:
    error = InvalidImageError("truncated", element="image[3]")
    assert (str(error), error.reason, error.element) == ("image[3]: truncated", "truncated", "image[3]")
    assert str(InvalidImageError("truncated")) == "truncated"


def test_a_config_error_names_its_subject() -> None:
    error = ConfigError("parameter 'crop'", "expected a number, got '2'")
    assert (str(error), error.subject, error.problem) == (
        "parameter 'crop': expected a number, got '2'",
        "parameter 'crop'",
        "expected a number, got '2'",
    )


def test_every_error_has_one_base() -> None:
    assert issubclass(ConfigError, PreprocessError)
    assert issubclass(InvalidImageError, PreprocessError)
