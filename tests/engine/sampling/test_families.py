"""How networks of each family are sampled, from what their files say of them."""

import json
from typing import Any

import pytest

from engine.sampling.families import family_format, family_sampling
from engine.weights.trained import Trained
from tests.engine.sampling.toy import MODEL_KINDS
from tests.support import vectors


def families() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(vectors("sampling", "tables.json").read_text())["families"]
    return found


@pytest.mark.parametrize(
    ("trained", "kind"),
    [
        (Trained("sd1"), "sd1"),
        (Trained("sd2", "v"), "v"),
        (Trained("sdxl"), "sdxl"),
        (Trained("sdxl", "v", zero_snr=True), "vz"),
        (Trained("sdxl", "edm", sigmas=(0.002, 80.0)), "edm"),
        (Trained("sdxl", "v", sigmas=(0.002, 700.0)), "v_edm"),
    ],
)
def test_a_family_is_sampled_as_the_kind_of_the_vectors(trained: Trained, kind: str) -> None:
    assert family_sampling(trained) == MODEL_KINDS[kind]


@pytest.mark.vectors
def test_the_reference_s_table_says_the_same_of_them() -> None:
    said = {name: row["type"] for name, row in families().items()}
    assert said["SD1.x, SD1 inpaint, SSD/Vega etc. (eps)"] == "EPS"
    assert said["SD2.x 768-v"] == "V_PREDICTION"
    assert said["SDXL"].startswith("EPS; V_PREDICTION when")
    assert "EDM sigma_data .5, .002..80" in said["SDXL"]


@pytest.mark.parametrize("latents", ["SD15", "SDXL", "SDXL_Playground_2_5"])
def test_a_family_has_its_own_latents(latents: str) -> None:
    assert family_format(Trained("sdxl", latents=latents)).name == latents
