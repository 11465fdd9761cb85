"""The command line: flags, defaults, what is refused and how."""

from pathlib import Path

import pytest

from engine.sampling.policy import NoiseProfile, SamplingPolicy
from web.server.flags import IGNORED
from web.server.options import BadOptions, read_options, without_token


@pytest.fixture(autouse=True)
def _no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PATCHBAY_TOKEN", raising=False)


def test_the_defaults_are_safe():
    options = read_options([])
    assert options.listen == ("127.0.0.1",)
    assert options.port == 8188
    assert options.is_loopback
    assert options.token is None
    assert options.max_upload_size == 100 * 2**20
    assert options.sampling == SamplingPolicy(NoiseProfile.CURRENT, "none", 512)
    assert options.cors_origin is None


@pytest.mark.parametrize(
    "listen",
    [
        ["--listen"],
        ["--listen", "0.0.0.0"],
        ["--listen", "::"],
        ["--listen", "127.0.0.1,192.168.1.5"],
    ],
)
def test_s1_others_are_let_in_only_with_a_token(listen: list[str]):
    generated = read_options(listen)
    assert generated.token is not None
    assert len(generated.token) >= 32
    assert generated.token_generated
    assert read_options(listen).token != generated.token
    assert read_options([*listen, "--token", "mine"]).token == "mine"
    assert read_options([*listen, "--insecure-no-auth"]).token is None


def test_s1_the_token_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATCHBAY_TOKEN", "from-outside")
    options = read_options(["--listen"])
    assert (options.token, options.token_generated) == ("from-outside", False)


def test_s7_every_origin_is_let_in_only_with_a_token():
    for flags in (["--enable-cors-header"], ["--enable-cors-header", "*"]):
        with pytest.raises(BadOptions, match="needs the origin"):
            read_options(flags)
    assert read_options(["--enable-cors-header", "--token", "t"]).cors_origin == "*"
    assert read_options(["--enable-cors-header", "https://a.b"]).cors_origin == "https://a.b"


@pytest.mark.parametrize(
    "launcher",
    [
        "--listen 127.0.0.1 --port 9000 --lowvram --reserve-vram 0.9 --preview-method auto"
        " --directml --use-pytorch-cross-attention --force-fp16 --fp16-vae --disable-xformers"
        " --auto-launch --dont-upcast-attention --enable-manager",
        "--disable-auto-launch --disable-metadata --listen --verbose DEBUG --log-stdout",
        "--port 7821 --extra-model-paths-config a.yaml --preview-method latent2rgb"
        " --fast fp16_accumulation cublas_ops",
        "--cpu --port 8190",
        "--verbose --cache-ram 2 4 --whitelist-custom-nodes a b --fast",
    ],
)
def test_what_launchers_send_is_accepted(launcher: str):
    options = read_options(launcher.split())
    assert options.port in (7821, 8188, 8190, 9000)


def test_known_flags_without_effect_are_remembered_by_name():
    assert read_options(["--multi-user", "--cuda-device", "1", "--fast"]).ignored == (
        "--multi-user",
        "--cuda-device",
        "--fast",
    )
    arguments = [[flag] if count != None else [flag, "1"] for flag, count in IGNORED.items()]  # noqa: E711
    for flag in arguments:
        assert read_options(flag).ignored == (flag[0],)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--no-such-flag"], "--no-such-flag"),
        (["--port", "70000"], "70000"),
        (["--port", "-1"], "--port"),
        (["--max-upload-size", "0"], "not a size"),
        (["--preview-method", "best"], "best"),
        (["--preview-size", "0"], "not a number from 16"),
        (["--preview-size", "huge"], "not a number"),
        (["--noise-profile", "0.2"], "0.2"),
        (["--base-directory", "/no/such/folder"], "/no/such/folder"),
        (["--front-end-root", "/no/such/folder"], "/no/such/folder"),
        (["--lowvra"], "--lowvra"),
        (["--lowvram", "--gpu-only"], "not allowed with"),
        (["--reserve-vram", "some"], "number of gigabytes"),
        (["stray"], "stray"),
        (["--listen", ","], "--listen"),
    ],
)
def test_nonsense_is_refused_in_one_line(arguments: list[str], words: str):
    with pytest.raises(BadOptions) as refused:
        read_options(arguments)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_folders_can_be_chosen_one_by_one(tmp_path: Path):
    options = read_options(
        ["--base-directory", str(tmp_path), "--output-directory", str(tmp_path / "elsewhere")]
    )
    folders = options.folders()
    assert folders.output == tmp_path / "elsewhere"
    assert folders.input == tmp_path / "input"
    assert folders.roots("loras")[0] == tmp_path / "models" / "loras"


def test_the_worker_learns_how_networks_are_kept():
    flags = ["--lowvram", "--bf16-unet", "--fp32-vae", "--reserve-vram", "2.0"]
    arguments = read_options(flags).worker_arguments("cuda:0")
    assert set(flags) <= set(arguments)
    assert not set(flags) & set(read_options([]).worker_arguments("cuda:0"))


def test_the_worker_learns_what_it_needs_and_not_the_token(tmp_path: Path):
    flags = ["--base-directory", str(tmp_path), "--token", "secret", "--cpu", "--disable-metadata"]
    sampling = ["--preview-method", "auto", "--preview-size", "64", "--noise-profile", "a1111"]
    arguments = read_options([*flags, *sampling]).worker_arguments("cpu")
    assert arguments[:2] == ["--base-directory", str(tmp_path)]
    assert "--disable-metadata" in arguments
    for flag, value in zip(sampling[::2], sampling[1::2], strict=True):
        assert arguments[arguments.index(flag) + 1] == value
    assert arguments[arguments.index("--device") + 1] == "cpu"
    assert "secret" not in " ".join(arguments)


def test_a_shown_command_line_covers_the_token():
    assert without_token(["a", "--token", "x", "b"]) == ["a", "--token", "***", "b"]
    assert without_token(["--token=x"]) == ["--token=***"]


def test_each_device_gets_its_workers():
    assert read_options([]).devices == ()
    assert read_options(["--cpu"]).devices == ("cpu",)
    assert read_options(["--cpu", "--workers", "2"]).devices == ("cpu", "cpu")
    assert read_options(["--devices", "cuda:0, cuda:1"]).devices == ("cuda:0", "cuda:1")
    two = read_options(["--devices", "cuda:0,cpu", "--workers", "2"]).devices
    assert two == ("cuda:0", "cuda:0", "cpu", "cpu")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--devices gpu", "'gpu' is no device"),
        ("--devices cuda:x", "'cuda:x' is no device"),
        ("--devices cpu --cpu", "exclude each other"),
        ("--workers 2", "name it"),
        ("--cpu --workers 0", "number from 1"),
        ("--cpu --workers 1000", "number from 1"),
        ("--cpu --workers two", "number from 1"),
    ],
)
def test_devices_that_cannot_be_are_refused(line: str, said: str):
    with pytest.raises(BadOptions, match=said):
        read_options(line.split())


@pytest.mark.parametrize(
    "line",
    ["", "--cache-classic", "--cache-lru 5", "--cache-none", "--cache-ram 2.0", "--cache-disk 0.0"],
)
def test_the_worker_is_told_how_results_are_kept(line: str):
    arguments = read_options(["--cpu", *line.split()]).worker_arguments("cpu")
    assert [one for one in arguments if one.startswith("--cache")] == line.split()[:1]
    assert arguments[-len(line.split()) :] == line.split() or not line


def test_one_way_of_keeping_results_excludes_the_others():
    with pytest.raises(BadOptions, match="not allowed with"):
        read_options(["--cache-none", "--cache-classic"])


def test_the_worker_is_told_how_often_states_are_kept():
    arguments = read_options(["--cpu", "--checkpoint-interval", "0.5"]).worker_arguments("cpu")
    assert arguments[arguments.index("--checkpoint-interval") + 1] == "0.5"


def test_workers_are_told_how_many_share_the_memory():
    for flags, workers in ((["--cpu"], "1"), (["--cpu", "--workers", "3"], "3"), ([], "1")):
        arguments = read_options(flags).worker_arguments("cpu")
        assert arguments[arguments.index("--sharing") + 1] == workers


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "often"])
def test_no_such_interval(value: str):
    with pytest.raises(BadOptions, match="--checkpoint-interval"):
        read_options(["--cpu", "--checkpoint-interval", value])
