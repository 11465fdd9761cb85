// One colour per type (canvas behaviour 8). Known types have their value in theme.css, as a variable
// per theme; any other gets one of 24 hues from its name, at the same lightness and chroma.

const FAMILIES: ReadonlyMap<string, string> = new Map([
  ['MODEL', 'model'],
  ['CLIP', 'clip'],
  ['VAE', 'vae'],
  ['CONDITIONING', 'conditioning'],
  ['LATENT', 'latent'],
  ['IMAGE', 'image'],
  ['MASK', 'mask'],
  ['CONTROL_NET', 'control-net'],
  ['CLIP_VISION', 'clip-vision'],
  ['CLIP_VISION_OUTPUT', 'clip-vision'],
  ['STYLE_MODEL', 'clip-vision'],
  ['SAMPLER', 'sampler'],
  ['SIGMAS', 'sampler'],
  ['NOISE', 'sampler'],
  ['GUIDER', 'sampler'],
  ['STRING', 'string'],
  ['AUDIO', 'audio'],
  ['VIDEO', 'audio'],
  ['INT', 'value'],
  ['FLOAT', 'value'],
  ['BOOLEAN', 'value'],
  ['COMBO', 'value'],
  ['*', 'any'],
]);

function fnv1a32(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return hash;
}

export function hueOf(type: string): number {
  return 15 * (fnv1a32(type.toUpperCase()) % 24);
}

/** A CSS colour for a socket or cable of this type. Union types take their first member's. */
export function typeColour(type: string): string {
  const first = (type.split(',')[0] ?? '').trim().toUpperCase() || '*';
  const family = first.startsWith('LORA') ? 'model' : FAMILIES.get(first);
  if (family) return `var(--t-${family})`;
  return `oklch(var(--type-lightness) var(--type-chroma) ${hueOf(first)})`;
}

const SHELVES: readonly (readonly [RegExp, string])[] = [
  [/loader/, 'var(--t-model)'],
  [/conditioning/, 'var(--t-conditioning)'],
  [/^latent|\/latent/, 'var(--t-latent)'],
  [/^image|\/image/, 'var(--t-image)'],
  [/mask/, 'var(--t-mask)'],
  [/sampling/, 'var(--ok)'],
];

/** The colour of the little square in a node's header. */
export function categoryColour(category: string): string {
  const shelf = SHELVES.find(([pattern]) => pattern.test(category.toLowerCase()));
  return shelf ? shelf[1] : 'var(--text-2)';
}

/** A class name that CSS accepts for one type of a union. */
export function typeClass(type: string): string {
  return `t-${type.toUpperCase().replace(/[^A-Z0-9_]/g, '_')}`;
}
