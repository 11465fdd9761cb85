"""Flags of ComfyUI that launchers pass and that mean nothing here yet, as data.

They are accepted, named once in the log, and ignored. The value is how many arguments follow:
0, None (one), ``?`` (maybe one), ``*`` (any number).
"""

from collections.abc import Mapping

IGNORED: Mapping[str, str | int | None] = {
    # network
    "--tls-keyfile": None,
    "--tls-certfile": None,
    "--enable-compress-response-body": 0,
    # folders
    "--extra-model-paths-config": "*",
    "--models-directory": None,
    # launch
    "--auto-launch": 0,
    "--disable-auto-launch": 0,
    "--windows-standalone-build": 0,
    # devices
    "--cuda-device": None,
    "--default-device": None,
    "--directml": "?",
    "--oneapi-device-selector": None,
    "--async-offload": "?",
    "--disable-async-offload": 0,
    "--disable-smart-memory": 0,
    "--disable-mmap": 0,
    "--mmap-torch-files": 0,
    "--cuda-malloc": 0,
    "--disable-cuda-malloc": 0,
    "--disable-ipex-optimize": 0,
    "--disable-pinned-memory": 0,
    "--force-non-blocking": 0,
    # precision
    "--fp8_e8m0fnu-unet": 0,
    "--force-channels-last": 0,
    "--supports-fp8-compute": 0,
    # attention
    "--use-split-cross-attention": 0,
    "--use-quad-cross-attention": 0,
    "--use-pytorch-cross-attention": 0,
    "--use-sage-attention": 0,
    "--use-flash-attention": 0,
    "--disable-xformers": 0,
    # packs
    "--disable-all-custom-nodes": 0,
    "--whitelist-custom-nodes": "*",
    "--disable-api-nodes": 0,
    "--enable-manager": 0,
    "--enable-manager-legacy-ui": 0,
    "--disable-manager-ui": 0,
    # the rest
    "--multi-user": 0,
    "--log-stdout": 0,
    "--dont-print-server": 0,
    "--deterministic": 0,
    "--fast": "*",
    "--default-hashing-function": None,
    "--front-end-version": None,
    "--comfy-api-base": None,
    "--database-url": None,
    "--enable-assets": 0,
    "--feature-flag": "*",
    "--list-feature-flags": 0,
}
