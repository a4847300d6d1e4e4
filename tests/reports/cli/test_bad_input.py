"""Wrong input: one line on standard error, the right exit status, nothing written."""

import pytest

pytestmark = pytest.mark.slow

GOOD = {"--model": "qwen3-0.6b", "--target": "torch-cpu", "--workload": "smoke"}


@pytest.fixture
def attempt(chipassay, tmp_path):
    """Runs a profile that must be refused, and checks that it left nothing."""

    def go(*more, out=None, **changes):
        options = {**GOOD, **{f"--{name}": value for name, value in changes.items()}}
        words = [word for pair in options.items() for word in pair]
        before = sorted(tmp_path.rglob("*"))
        done = chipassay("profile", *words, *more, "--out", out or tmp_path / "bundle")
        assert sorted(tmp_path.rglob("*")) == before
        assert done.out == ""
        return done.code, done.error

    return go


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("model", "qwen3-06b", "unknown model 'qwen3-06b': did you mean 'qwen3-0.6b'"),
        ("target", "torch-gpu", "unknown target 'torch-gpu': did you mean 'torch-cpu'?"),
        ("target", "torch-cpu@int7", "unknown precision for torch-cpu 'int7': "),
        ("dtype", "float23", "unknown precision for torch-cpu 'float23': did you mean 'float32'?"),
        ("workload", "smok", "unknown workload 'smok': did you mean 'smoke'?"),
        ("layers", "29", "--layers must be 1 to 28 for qwen3-0.6b, not 29"),
        ("layers", "aut", "'aut' is neither a number of layers nor 'auto'"),
        ("prompt-tokens", "50000", "exceed the 40960 positions of qwen3-0.6b; lower --prompt-tokens"),
        ("batch", "0", "Invalid value for '--batch'"),
        ("budget", "-1", "Invalid value for '--budget'"),
    ],
)
def test_a_wrong_value_is_told_with_what_is_right(attempt, option, value, message):
    code, error = attempt(**{option: value})
    assert code == 2
    assert message in error


def test_a_target_asked_for_twice_is_refused_even_when_spelt_differently(attempt):
    code, error = attempt("--target", "torch-cpu@float32")
    assert code == 2
    assert "target torch-cpu@float32 is asked for twice; name each once" in error


def test_a_model_that_does_not_fit_is_told_with_the_figures_before_loading(attempt):
    code, error = attempt(model="qwen2.5-72b")
    assert code == 3
    assert "qwen2.5-72b does not fit: torch-cpu@float32 with its float32 reference needs about" in error
    assert "290.8 GB of float32 weights" in error and "GB are free; use a smaller model" in error


def test_a_device_that_is_not_there_is_unavailable(attempt):
    code, error = attempt(target="torch-cpu:3")
    assert code == 3
    assert "torch-cpu:3@float32 is unavailable: torch-cpu has no device '3'; ask for torch-cpu" in error


def test_a_backend_whose_package_is_broken_is_unavailable(attempt):
    code, error = attempt(target="test-unimportable")
    assert code == 3
    assert "cannot be imported" in error


def test_an_output_folder_that_is_no_bundle_is_left_alone(attempt, tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")
    for more in ((), ("--overwrite",)):
        code, error = attempt(*more, out=precious)
        assert code == 2
        assert f"{precious} exists and is not a run bundle; choose another --out" in error
    assert (precious / "thesis.txt").read_text() == "years of work"


def test_a_bundle_is_not_replaced_without_being_asked(attempt, tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "bundle.json").write_text("{}")
    code, error = attempt(out=tmp_path / "old")
    assert code == 2
    assert "already holds a run bundle; choose another --out, or add --overwrite to replace it" in error


@pytest.mark.parametrize("place", ["file/bundle", "file/deep/bundle"])
def test_an_output_that_cannot_be_written_is_told(attempt, tmp_path, tiny_checkpoint, place):
    (tmp_path / "file").touch()
    code, error = attempt(model=tiny_checkpoint, out=tmp_path / place)
    assert code == 2
    assert "cannot write" in error and "Not a directory; choose another --out" in error


def test_an_unwritable_cache_is_told_before_any_target_runs(chipassay, small_run, tmp_path):
    (tmp_path / "file").touch()
    done = chipassay(
        *small_run,
        "--target",
        "onnx-cpu",
        "--out",
        tmp_path / "bundle",
        CHIPASSAY_CACHE=str(tmp_path / "file" / "cache"),
    )
    assert done.code == 2
    last = done.err.strip().splitlines()[-1]
    assert "Not a directory; set CHIPASSAY_CACHE to a writable folder" in last
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


def test_a_damaged_checkpoint_is_told_by_file(attempt, tmp_path, tiny_checkpoint):
    import shutil

    folder = shutil.copytree(tiny_checkpoint, tmp_path / "checkpoint")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    code, error = attempt(model=folder)
    assert code == 2
    assert f"{weights} is damaged or cut short" in error


@pytest.mark.parametrize("option", ["--model", "--out"])
def test_what_must_be_given_is_asked_for(chipassay, option):
    words = {"--model": "qwen3-0.6b", "--out": "never"}
    del words[option]
    done = chipassay("profile", *[word for pair in words.items() for word in pair])
    assert done.code == 2
    assert f"Missing option '{option}'" in done.error


def test_an_unknown_option_is_told_with_the_nearest_one(chipassay):
    done = chipassay("profile", "--modell", "x")
    assert done.code == 2
    assert "No such option" in done.error and "--model" in done.error


@pytest.mark.parametrize(
    ("named", "says"),
    [("gone.csv", "gone.csv cannot be read: No such file"), ("volts.csv", "volts.csv needs the columns timestamp"),
     ("mqtt://plug", "takes a CSV file or an http address, not mqtt://"), ("http://", "names no host")],
)  # fmt: skip
def test_a_wall_meter_that_cannot_be_one_is_refused_before_anything_runs(attempt, tmp_path, named, says):
    (tmp_path / "volts.csv").write_text("timestamp,volts\n")
    code, error = attempt("--wall-meter", named if "://" in named else tmp_path / named)
    assert code == 2 and "--wall-meter" in error and says in error
