"""V3 types that only links can fill."""

from engine.compat.v3.base import ComfyType, make_type


def Custom(io_type: str) -> type[ComfyType]:  # noqa: N802 - the name that packs call
    """A type of a pack's own, with ``Input`` and ``Output``."""
    return make_type("Custom", io_type)


AnyType = make_type("AnyType", "*")
Image = make_type("Image", "IMAGE")
Mask = make_type("Mask", "MASK")
Latent = make_type("Latent", "LATENT")
Conditioning = make_type("Conditioning", "CONDITIONING")
Model = make_type("Model", "MODEL")
Clip = make_type("Clip", "CLIP")
Vae = make_type("Vae", "VAE")
ControlNet = make_type("ControlNet", "CONTROL_NET")
ClipVision = make_type("ClipVision", "CLIP_VISION")
ClipVisionOutput = make_type("ClipVisionOutput", "CLIP_VISION_OUTPUT")
StyleModel = make_type("StyleModel", "STYLE_MODEL")
Gligen = make_type("Gligen", "GLIGEN")
UpscaleModel = make_type("UpscaleModel", "UPSCALE_MODEL")
Sampler = make_type("Sampler", "SAMPLER")
Sigmas = make_type("Sigmas", "SIGMAS")
Noise = make_type("Noise", "NOISE")
Guider = make_type("Guider", "GUIDER")
Audio = make_type("Audio", "AUDIO")
Video = make_type("Video", "VIDEO")
LoraModel = make_type("LoraModel", "LORA_MODEL")
LossMap = make_type("LossMap", "LOSS_MAP")
Hooks = make_type("Hooks", "HOOKS")
HookKeyframes = make_type("HookKeyframes", "HOOK_KEYFRAMES")
TimestepsRange = make_type("TimestepsRange", "TIMESTEPS_RANGE")
LatentOperation = make_type("LatentOperation", "LATENT_OPERATION")
Webcam = make_type("Webcam", "WEBCAM")
SVG = make_type("SVG", "SVG")
Mesh = make_type("Mesh", "MESH")
Voxel = make_type("Voxel", "VOXEL")
AudioEncoder = make_type("AudioEncoder", "AUDIO_ENCODER")
AudioEncoderOutput = make_type("AudioEncoderOutput", "AUDIO_ENCODER_OUTPUT")
