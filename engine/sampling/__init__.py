"""From a seed to a latent: noise, sigmas, samplers, guidance, masks, previews.

`ksample.ksample` and `custom.sample_custom` are the doors. Networks are not here: what satisfies
`model.Network` can be sampled.
Samplers are functions over one interface, `samplers.tools.Denoise`; all state is float32.
"""
