"""The algorithms of LoRA-family files, one family a file, and the table of them."""

from collections.abc import Mapping

from engine.lora.algorithms.boft import BOFT
from engine.lora.algorithms.glora import GLORA
from engine.lora.algorithms.ia3 import IA3, IA3_PEFT
from engine.lora.algorithms.kind import Kind
from engine.lora.algorithms.loha import LOHA
from engine.lora.algorithms.lokr import LOKR
from engine.lora.algorithms.low_rank import LOW_RANK, LOW_RANK_BIAS
from engine.lora.algorithms.oft import OFT
from engine.lora.algorithms.oft_v2 import OFT_V2
from engine.lora.algorithms.whole import FULL, NORM, SET

# In the order of precedence: of two for one weight in one file, the later one counts.
KINDS: Mapping[str, Kind] = {
    "lora_bias": LOW_RANK_BIAS,
    "lora": LOW_RANK,
    "loha": LOHA,
    "lokr": LOKR,
    "glora": GLORA,
    "oft_v2": OFT_V2,
    "oft": OFT,
    "boft": BOFT,
    "ia3": IA3,
    "ia3_peft": IA3_PEFT,
    "norm": NORM,
    "full": FULL,
    "set": SET,
}
