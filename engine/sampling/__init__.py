"""From a seed to a latent: noise, sigmas, samplers, guidance, masks, previews.

`ksample.ksample` is the door. Networks are not here: what satisfies `model.Network` can be sampled.
Samplers are functions over one interface, `samplers.tools.Denoise`; all state is float32.
"""
