from __future__ import annotations

import pytest

from cronnx_server.build_models.__main__ import main


def test_the_help_says_what_the_exit_status_means(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "Exit status: 0 all models are built" in capsys.readouterr().out


def test_an_unknown_model_is_a_usage_error_that_names_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["lite9"])
    out, err = capsys.readouterr()
    assert ended.value.code == 2
    assert "expected a model of the catalogue (efficientnet_lite0, " in err
    assert "got 'lite9'" in err
    assert out == ""


def test_an_unknown_version_is_a_usage_error_that_names_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["efficientnet_lite0/9"])
    assert ended.value.code == 2
    assert "expected a version of efficientnet_lite0 (1, 2), got '9'" in capsys.readouterr().err
